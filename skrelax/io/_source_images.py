"""Images of any format in a folder or file."""

from ._dicom import find_dicom_series, read_dicom_series
from ._files import as_path
from ._nifti import read_nifti
from ._series import as_frame
from ._sidecar import read_sidecar
from ._volume_series import find_image_files, open_files, sort_files


def list_series(path):
    """Return the series of images in a folder of DICOM or NIfTI files.

    Parameters
    ----------
    path : str or path-like
        Folder, as :func:`read_dicom_series` and :func:`read_nifti` take it, or a file
        that the latter reads.

    Returns
    -------
    DataFrame
        A row per series, or per file that is named like no other, with ``series`` (its
        number, None where files do not tell), ``description``, ``images`` (their
        number), ``components`` (M magnitude, P phase, R real, I imaginary), the
        distinct values of ``TI``, ``TE``, ``TR`` [s], ``FA`` [degrees], ``TS`` and
        ``TSL`` [s] as arrays, and ``left_out``: why it is no relaxation measurement, or
        nothing.

    Raises
    ------
    ValueError
        If there are no images, or if their headers cannot be read.
    ImportError
        If pydicom or nibabel is not installed.

    See Also
    --------
    read_dicom_series : Read one of them from DICOM files.
    read_nifti : Read one of them from NIfTI files.
    """
    path = as_path(path)
    if not is_dicom(path):
        is_folder = path.is_dir()
        paths = find_image_files(path) if is_folder else [path]
        return as_frame(sort_files(open_files(paths, is_folder, False), False))
    return as_frame(find_dicom_series(path))


def read_images(path, **options):
    """Return the table of a DICOM folder, or of a folder or file of NIfTI or PAR."""
    read = (
        read_dicom_series if is_dicom(path, options.get("acquisition")) else read_nifti
    )
    return read(path, **options)


def is_dicom(path, acquisition=None):
    """Return whether the images of a folder, or a file, are in DICOM files."""
    if path.is_file():
        return _is_dicom_file(path)
    files = find_image_files(path) if path.is_dir() else []
    if not files:
        return True
    if acquisition is not None:
        return False
    # Masks and maps lie beside DICOM files; images have sidecars.
    nifti = [file for file in files if not file.name.lower().endswith(".par")]
    if len(nifti) < len(files) or any(read_sidecar(file) for file in nifti):
        return False
    return any(_is_dicom_file(file) for file in path.rglob("*") if file.is_file())


def _is_dicom_file(file):
    with file.open("rb") as content:
        return content.read(132)[128:] == b"DICM"
