"""The figures of the notebooks stay where they are asked for, and nowhere else."""

from plotly import graph_objects as go

from clinflu.figures.kept import kept


def test_a_figure_is_written_only_where_a_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLINFLU_FIGURES", raising=False)
    figure = go.Figure(go.Bar(y=[1, 2]))
    assert kept(figure, "bars") is figure
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("CLINFLU_FIGURES", str(tmp_path / "figures"))
    assert kept(figure, "bars") is figure
    page = (tmp_path / "figures" / "bars.html").read_text()
    assert "plotly.js v" in page
    assert "cdn.plot.ly" not in page.split("<body>")[0]
