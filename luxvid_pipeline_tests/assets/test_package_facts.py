"""What a package's facts say of the score: what the ledger's row of it holds, and nothing for one that was free."""

from decimal import Decimal

import pytest

from luxvid_pipeline.assets.metadata import engine_facts
from luxvid_pipeline.assets.package_facts import Known, package_facts
from luxvid_pipeline.assets.package_maker import ScoreInput
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.payments import Account, Payment, PaymentState
from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile


def paid_for(model, stage, **given):
    return Payment(
        key=f"{model}-{stage}",
        state=PaymentState.DELIVERED,
        ours=True,
        vendor="replicate",
        model=model,
        version="1f2e",
        input=given,
        account=Account(listing="villa", stage=stage),
        attempt=1,
        reserved_usd=Decimal(1),
    )


@pytest.mark.parametrize(
    ("engine", "given", "seed"),
    [
        pytest.param("meta/musicgen", {"prompt": "calm", "seed": 41}, 41, id="the-seed-it-was-asked-with"),
        pytest.param("riffusion/riffusion", {"prompt_a": "calm"}, None, id="a-model-that-takes-none"),
        pytest.param("local", {"seed": 41}, None, id="the-local-composer-draws-no-lots"),
    ],
)
def test_the_scores_seed_goes_out_with_it(tmp_path, engine, given, seed):
    known = Known(
        store=MediaStore(str(tmp_path), tmp_path / "cache"),
        listing="villa",
        manifest=ListingManifest(),
        pairs={},
        records={},
        catalogue={},
        payments=[paid_for(engine, "score", **given), paid_for(engine, "clips", seed=7)],
    )
    stored = StoredFile(key="score", sha256="ab", bytes=1, facts=engine_facts(Engine(name=engine)))
    facts = package_facts(known, (), ScoreInput(stored=stored, style="cinematic-ambient"), "film.mp4", tmp_path)
    assert facts.score is not None
    assert (facts.score.seed, facts.score.generated) == (seed, engine != "local")
