from pathlib import Path

from ner_runtime.cpus import available_cpus


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_cgroup_v2_quota_is_rounded_up(tmp_path: Path) -> None:
    write(tmp_path / "cpu.max", "50000 100000\n")
    assert available_cpus(tmp_path) == 1


def test_cgroup_v1_quota(tmp_path: Path) -> None:
    write(tmp_path / "cpu" / "cpu.cfs_quota_us", "100000\n")
    write(tmp_path / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert available_cpus(tmp_path) == 1


def test_affinity_applies_without_a_quota(tmp_path: Path) -> None:
    everything = available_cpus(tmp_path)
    assert everything >= 1
    write(tmp_path / "cpu.max", "max 100000\n")
    assert available_cpus(tmp_path) == everything
    write(tmp_path / "cpu.max", "100000000 100000\n")
    assert available_cpus(tmp_path) == everything
