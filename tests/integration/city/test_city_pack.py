"""A pack, from the command that makes it to the centre that runs on it; and real cities, where ../shared has them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from cior.cli import main
from cior_bus.centre import load
from cior_city.city_of_centre import load_cameras, load_city
from cior_core.errors import IntegrityBroken
from cior_core.geo import OUTSIDE
from unit.city.cities import EAST, LAT, LON, WEST, city, point, put

ROOT = Path(__file__).resolve().parents[3]


def real(name: str) -> Path:
    """A folder of ``../shared/data/city``."""
    shared = Path(os.environ.get("CIOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "city" / name
    if not folder.is_dir():
        pytest.skip(
            f"there is no city/{name} in ../shared/data (or CIOR_TEST_DATA): real cities are not shipped"
        )
    return folder


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["city", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below ``folder`` with its bytes and when it was changed."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def centre(folder: Path, pack: Path, cameras: str = "") -> Path:
    text = f'[centre]\nname = "Ensayo"\ncity = "{pack}"\n'
    if cameras:
        (folder / "cameras.toml").write_text(cameras, encoding="utf-8")
        text = f'cameras = "cameras.toml"\n{text}'
    path = folder / "centre.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = city(tmp_path / "ciudad", point("Escuela 1", 0.5, 0.5))
    put(folder, "camaras.geojson", point("Plaza", 0.5, 0.5, id="C-01", azimuth=90, fov=60))
    run("import", str(folder), "-o", str(tmp_path / "pack"))
    return tmp_path / "pack"


def test_the_same_files_give_the_same_bytes_in_any_order_and_anywhere(tmp_path: Path, pack: Path) -> None:
    again = tmp_path / "otra" / "ciudad"
    shutil.copytree(tmp_path / "ciudad", again)
    put(again, "distritos.geojson", EAST, WEST)
    run("import", str(again), "-o", str(tmp_path / "pack-2"))
    first, second = everything(pack), everything(tmp_path / "pack-2")
    assert set(first) == {"cameras.geojson", "districts.geojson", "facilities.geojson", "pack.json"}
    assert {name: data for name, (data, _) in first.items() if name != "pack.json"} == {
        name: data for name, (data, _) in second.items() if name != "pack.json"
    }
    run("import", str(tmp_path / "ciudad"), "-o", str(tmp_path / "pack-2"))
    assert (tmp_path / "pack-2" / "pack.json").read_bytes() == (pack / "pack.json").read_bytes()


def test_a_centre_runs_on_the_pack_and_its_cameras_are_joined_with_their_streams(
    tmp_path: Path, pack: Path
) -> None:
    streams = '[[camera]]\nid = "C-01"\nstream = "rtsp://u:hunter2@10.0.0.9/1"\n'
    ready = load(centre(tmp_path, pack, streams))
    town = load_city(ready)
    assert town.district(LAT + 0.005, LON + 0.005) == "villa-oeste"
    assert [near.facility.name for near in town.nearest(LAT, LON)] == ["Escuela 1"]
    [camera] = load_cameras(ready, town).values()
    assert (camera.name, camera.azimuth_deg, camera.district) == ("Plaza", 90.0, "villa-oeste")
    assert camera.stream.startswith("rtsp://u:")
    done = CliRunner().invoke(main, ["config", "lint", str(centre(tmp_path, pack, streams))])
    assert "ok    cameras cameras.toml" in done.output


def test_a_pack_that_somebody_edited_stops_the_centre_and_the_check(tmp_path: Path, pack: Path) -> None:
    assert "2 districts" in run("check", str(pack))
    path = pack / "districts.geojson"
    path.write_text(path.read_text(encoding="utf-8").replace("Villa Oeste", "Villa Este"), encoding="utf-8")
    with pytest.raises(IntegrityBroken, match=r"districts\.geojson"):
        load_city(load(centre(tmp_path, pack)))
    assert "city.pack_changed" in run("check", str(pack), code=2)


def test_errors_end_with_2_and_leave_no_pack_and_a_folder_with_anything_else_is_refused(
    tmp_path: Path, pack: Path
) -> None:
    (tmp_path / "ciudad" / "barrios.geojson").write_text("{", encoding="utf-8")
    said = run("import", str(tmp_path / "ciudad"), "-o", str(tmp_path / "none"), code=2)
    assert "ERROR    barrios.geojson" in said
    assert not (tmp_path / "none").exists()
    (tmp_path / "ciudad" / "barrios.geojson").unlink()
    (pack / "notas.txt").write_text("mías", encoding="utf-8")
    assert "city.not_a_pack" in run("import", str(tmp_path / "ciudad"), "-o", str(pack), code=2)
    assert (pack / "notas.txt").read_text(encoding="utf-8") == "mías"


def test_a_mapping_beside_the_folder_is_read_and_its_faults_have_a_line(tmp_path: Path, pack: Path) -> None:
    beside = tmp_path / "ciudad.toml"
    beside.write_text(
        '[city]\nname = "La Ciudad"\n[[layer]]\nfile = "escuelas.geojson"\nas = "ignore"\n', encoding="utf-8"
    )
    assert "La Ciudad: 1 cameras, 2 districts" in run("check", str(tmp_path / "ciudad"))
    beside.write_text('[[layer]]\nfile = "escuelas.geojson"\nas = "colegios"\n', encoding="utf-8")
    assert "ciudad.toml:3" in run("check", str(tmp_path / "ciudad"), code=2)


# --- real cities ------------------------------------------------------------------------------------------------


def test_godoy_cruz_is_imported_whole_in_seconds_and_nothing_is_written_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "godoy_cruz"
    shutil.copytree(real("godoy_cruz"), folder)
    before = everything(folder)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    started_s = time.monotonic()
    said = run("import", str(folder), "-o", str(tmp_path / "pack"))
    assert time.monotonic() - started_s < 60, "seconds; a minute on a busy machine"
    assert "16 areas, 9 districts, 423 facilities, 253 neighbourhoods, 1688 streets" in said
    assert "Faltan: cameras" in said
    assert everything(folder) == before
    town = load_city(load(centre(tmp_path, tmp_path / "pack")))
    inside = [each for each in town.facilities if each.district != OUTSIDE]
    assert len(inside) == 418
    assert {each.kind for each in town.facilities} >= {"school", "health", "hospital", "sports", "police"}
    assert hashlib.sha256((tmp_path / "pack" / "pack.json").read_bytes()).hexdigest() in said


def test_rosario_says_what_it_lacks_and_its_neighbourhoods_serve_as_districts(tmp_path: Path) -> None:
    folder = tmp_path / "rosario"
    shutil.copytree(real("rosario"), folder)
    before = everything(folder)
    said = run("import", str(folder), "-o", str(tmp_path / "pack"))
    assert everything(folder) == before, "GDAL wrote its .gfs beside the GML"
    assert "los 50 barrios hacen de distritos" in said
    assert "Faltan: streets, facilities, cameras" in said
    assert "47 districts, 98 routes" in said
    town = load_city(load(centre(tmp_path, tmp_path / "pack")))
    assert {"antartida-argentina", "parque-casado"} <= {each.id for each in town.districts}
    assert all("Ã" not in each.name for each in town.districts)
