"""Print the lowest versions that setup.cfg states, as constraints for pip."""

import configparser
import re

config = configparser.ConfigParser()
config.read("setup.cfg")
extras = config["options.extras_require"]
texts = [config["options"]["install_requires"]]
texts += [extras[name] for name in extras if name not in ("lint", "doc", "benchmark")]
for line in "\n".join(texts).splitlines():
    if found := re.fullmatch(
        r"([\w-]+)(?:\[[\w,]+\])?>=([\w.]+)(?:;.*)?", line.strip()
    ):
        print(f"{found[1]}=={found[2]}")
