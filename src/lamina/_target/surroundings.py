"""Say how the interpreter that runs this file finds modules here and now, as one JSON object.

Unlike ``probe.py`` it is run without ``-I``: PYTHONPATH, the user's own site directory and whatever
else is set are what it is asked about.
"""

import json
import os
import platform
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

SCHEMA = 1
LAYER_HOOK = "_lamina_layer"


def markers() -> "Dict[str, str]":
    """Return the environment of PEP 508 markers, as ``packaging`` computes it."""
    info = sys.implementation.version
    implementation = "%d.%d.%d" % info[:3]
    if info.releaselevel != "final":
        implementation += info.releaselevel[0] + str(info.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    }


def search_path() -> "List[str]":
    """Return the search path without this file's directory, which only we have put there."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = list(sys.path)
    if path and path[0] == here:
        del path[0]
    return [os.path.abspath(one) for one in path]


def describe() -> "Dict[str, Any]":
    """Return the description."""
    import site
    import sysconfig
    from importlib import machinery

    hook = sys.modules.get(LAYER_HOOK)
    sites = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    sites += getattr(site, "getsitepackages", list)()
    library = os.path.dirname(os.__file__)
    return {
        "schema": SCHEMA,
        "version": "%d.%d.%d" % sys.version_info[:3],
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "executable": sys.executable,
        "interpreter": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
        "path": search_path(),
        "library": [library, os.path.join(library, "lib-dynload")],
        "sites": list(dict.fromkeys(os.path.abspath(one) for one in sites)),
        "user_site": site.getusersitepackages(),
        "user_site_counts": bool(site.ENABLE_USER_SITE),
        "layers": list(getattr(hook, "LAYERS", ())),
        "roots": list(getattr(hook, "ROOTS", ())),
        "suffixes": machinery.EXTENSION_SUFFIXES,
        "markers": markers(),
    }


if __name__ == "__main__":
    json.dump(describe(), sys.stdout, ensure_ascii=True)
