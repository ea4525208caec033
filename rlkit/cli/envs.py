"""`rlkit envs`: the registered environments."""

from dataclasses import dataclass

from rlkit.cli.options import print_lines


@dataclass(frozen=True)
class Envs:
    """List the registered environments by package."""

    json: bool = False
    """Print them as JSON, for programs."""

    def run(self) -> None:
        """List them."""
        from rlkit.plugins import environment_ids, load_environments

        problems = load_environments()
        groups = environment_ids()
        if self.json:
            import json

            print(json.dumps(groups, indent=2))
            return
        lines = []
        for package, ids in groups.items():
            lines += [package, *(f"  {name}" for name in ids), ""]
        lines += [f"{problem.name}: not available; {problem.remedy}" for problem in problems]
        lines.append("Any Gymnasium environment can be used: an id above, my_package:MyEnv-v0, path/to/file.py:MyEnv")
        print_lines(lines)
