"""`minsheng rules draw`: pictures in files, and one sentence for whatever cannot be drawn."""

from __future__ import annotations

import pytest

from infra.mistakes import Mistake
from infra.settings import RULEBOOKS
from infra.workbench.drawing import draw_processes

QINGDAO = RULEBOOKS / "qingdao"


def test_one_process_goes_to_the_file_named(tmp_path):
    draw_processes(QINGDAO, "standard", form="svg", out=tmp_path / "new" / "it.svg", lang="zh_CN")
    assert "部门办理" in (tmp_path / "new" / "it.svg").read_text("utf-8")


def test_one_process_goes_to_the_screen(capsys):
    draw_processes(QINGDAO, "standard", form="mermaid", out=None, lang="en")
    assert 's_departmental_fix -->|"Fixed"| s_feedback' in capsys.readouterr().out


def test_all_processes_go_to_a_folder(tmp_path, book):
    draw_processes(QINGDAO, "", form="svg", out=tmp_path / "all", lang="en")
    assert {p.stem for p in (tmp_path / "all").iterdir()} == set(book.processes)


@pytest.mark.parametrize(
    ("process", "form", "lang", "said"),
    [
        ("nope", "svg", "en", "there are: "),
        ("standard", "png", "en", "svg, mermaid"),
        ("standard", "svg", "tlh", "zh_CN"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(process, form, lang, said):
    with pytest.raises(Mistake, match=said):
        draw_processes(QINGDAO, process, form=form, out=None, lang=lang)


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match="cannot be written"):
        draw_processes(QINGDAO, "standard", form="svg", out=tmp_path / "file" / "it.svg", lang="en")
