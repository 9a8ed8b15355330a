"""A small analysis, run by the layer's Python: dimuon events written, read, cut, filled, drawn.

The events are made up: a Z boson of 91.2 GeV over an exponential background, muons with a
transverse momentum in GeV. Prints one JSON object.
"""

import json
import sys
from pathlib import Path

import awkward as ak
import hist
import matplotlib as mpl
import numpy as np
import uproot

mpl.use("Agg")
import matplotlib.pyplot as plt  # the backend has to be chosen first

EVENTS = 20_000


def make_events(path: Path) -> None:
    """Write events with zero to four muons each to a ROOT file."""
    random = np.random.default_rng(20261101)
    counts = random.choice([0, 1, 2, 3, 4], size=EVENTS, p=[0.1, 0.2, 0.5, 0.15, 0.05])
    total = int(counts.sum())
    mass = np.where(
        random.random(EVENTS) < 0.6,
        random.normal(91.2, 2.5, EVENTS),
        60.0 + random.exponential(30.0, EVENTS),
    )
    with uproot.recreate(path) as file:
        file["events"] = {
            "muon_pt": ak.unflatten(random.exponential(25.0, total) + 5.0, counts),
            "muon_eta": ak.unflatten(random.normal(0.0, 1.2, total), counts),
            "dimuon_mass": mass,
        }


def select(path: Path) -> ak.Array:
    """Read the file and return the dimuon mass of events with two good muons."""
    with uproot.open(path) as file:
        events = file["events"].arrays()
    good = (events.muon_pt > 20.0) & (abs(events.muon_eta) < 2.4)
    return events.dimuon_mass[ak.sum(good, axis=1) >= 2]


def draw(histogram: hist.Hist, path: Path) -> None:
    """Draw the histogram into a PNG file."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    histogram.plot(ax=axes, histtype="fill", alpha=0.7, color="#3f7d8c")
    axes.set_ylabel("events / 1 GeV")
    axes.set_title(f"two muons with pT > 20 GeV, numpy {np.__version__}")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main(directory: Path) -> None:
    """Run the analysis in a directory."""
    make_events(directory / "dimuon.root")
    mass = select(directory / "dimuon.root")
    histogram = hist.Hist(hist.axis.Regular(60, 60.0, 120.0, label="dimuon mass [GeV]"))
    histogram.fill(mass)
    draw(histogram, directory / "dimuon.png")
    peak = histogram.axes[0].centers[int(np.argmax(histogram.values()))]
    summary = {
        "events": EVENTS,
        "selected": len(mass),
        "peak_gev": float(peak),
        "plot": str(directory / "dimuon.png"),
        "numpy": np.__version__,
        "numpy_file": np.__file__,
        "uproot_file": uproot.__file__,
    }
    sys.stdout.write(json.dumps(summary))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
