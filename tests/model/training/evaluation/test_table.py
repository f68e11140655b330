from model.training.evaluation.table import DECIBELS, Figure, write_table

TABLE = """\
| measure | cpu | reference | pictures | gpu | reference | pictures |
| --- | --: | --: | --: | --: | --: | --: |
| object | 87.5% | 99.0% | 8 | - | - | - |
| MoVQ | 26.34 dB | - | 4 | - | - | - |
| pairs | - | - | - | 0.0% | 100.0% | 2 |
"""


def test_sets_of_weights_stand_side_by_side() -> None:
    cpu = [Figure("object", 0.875, 0.99, 8), Figure("MoVQ", 26.341, None, 4, DECIBELS)]
    gpu = [Figure("object"), Figure("pairs", 0, 1, 2)]
    assert write_table({"cpu": cpu, "gpu": gpu}) == TABLE
