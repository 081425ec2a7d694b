"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from . import batch as batch
from . import compose as compose
from . import datasets as datasets
from . import decomposition as decomposition
from . import dictionary as dictionary
from . import inversion as inversion
from . import io as io
from . import kernels as kernels
from . import metrics as metrics
from . import model_selection as model_selection
from . import nonlinear as nonlinear
from . import plotting as plotting
from . import reporting as reporting
from . import signals as signals
from . import uncertainty as uncertainty
from .batch import fit_batch as fit_batch
from .compose import VoxelMapper as VoxelMapper
from .decomposition import TSVDCompressor as TSVDCompressor
from .dictionary import DictionaryMatcher as DictionaryMatcher
from .inversion import AdaptivePenalty as AdaptivePenalty
from .inversion import ConvergentScheme as ConvergentScheme
from .inversion import LassoFista as LassoFista
from .inversion import LassoFistaCV as LassoFistaCV
from .inversion import MultiDimRegularizedILT as MultiDimRegularizedILT
from .inversion import ReferenceScheme as ReferenceScheme
from .inversion import SmoothLasso as SmoothLasso
from .inversion import SmoothLassoCV as SmoothLassoCV
from .kernels import KernelBuilder as KernelBuilder
from .nonlinear import NonlinearRelaxationFit as NonlinearRelaxationFit

__version__: str

__all__ = [
    "AdaptivePenalty",
    "ConvergentScheme",
    "DictionaryMatcher",
    "KernelBuilder",
    "LassoFista",
    "LassoFistaCV",
    "MultiDimRegularizedILT",
    "NonlinearRelaxationFit",
    "ReferenceScheme",
    "SmoothLasso",
    "SmoothLassoCV",
    "TSVDCompressor",
    "VoxelMapper",
    "__version__",
    "fit_batch",
]
