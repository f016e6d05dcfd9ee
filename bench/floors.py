"""floors.toml held against the samples of a run: a row per line of it, with goal, floor, what was measured and its spread."""
import os
import statistics
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))


def spread(values):
    middle = statistics.median(values)
    return {"median": middle, "min": min(values), "max": max(values),
            "spread": (max(values) - min(values)) / middle if middle else 0}


def values_of(floor, samples):
    """One value a round. A ratio takes both sides from the same round."""
    by_server = samples.get(floor["measure"], {})
    own = [s and s.get(floor["figure"]) for s in by_server.get(floor["server"], [])]
    if "against" in floor:
        other = [s and s.get(floor["figure"]) for s in by_server.get(floor["against"], [])]
        return [a / b * floor["scale"] for a, b in zip(own, other) if a is not None and b]
    return [a * floor["scale"] for a in own if a is not None]


def verdict(floor, value):
    def reaches(limit):
        return value >= limit if floor["better"] == "more" else value <= limit
    return "goal" if reaches(floor["goal"]) else "floor" if reaches(floor["floor"]) else "MISSED"


def compare(samples):
    """Lines whose servers were not measured are left out."""
    with open(os.path.join(HERE, "floors.toml"), "rb") as f:
        floors = tomllib.load(f)["floor"]
    lines = []
    for floor in floors:
        values = values_of(floor, samples)
        if values:
            found = spread(values)
            lines.append({**floor, "measured": found, "rounds": len(values), "verdict": verdict(floor, found["median"])})
    return lines


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(lines):
    out = ["| line | goal | floor | measured | spread | rounds | reaches |", "|---|---:|---:|---:|---:|---:|---|"]
    for row in lines:
        unit = " " + row["unit"] if row["unit"] else ""
        out.append(f"| {row['line']} | {number(row['goal'])}{unit} | {number(row['floor'])}{unit} "
                   f"| {number(row['measured']['median'])}{unit} | {row['measured']['spread']:.0%} | {row['rounds']} "
                   f"| {row['verdict']} |")
    return "\n".join(out)
