"""Exit codes and the drawn tree of errors stay true."""

import inspect

import pytest

from luxvid_pipeline.domain import errors

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, errors.LuxVidError)]


@pytest.mark.parametrize("error", CLASSES)
def test_the_drawn_tree_names_every_error_with_its_exit_code(error):
    (line,) = (line for line in (errors.__doc__ or "").splitlines() if error.__name__ in line.split())
    assert line.split()[line.split().index(error.__name__) + 1] == str(error.exit_code)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (errors.MediaError, 1),
        (errors.ListingError, 2),
        (errors.NoUsablePhotosError, 2),
        (errors.BudgetExceededError, 3),
        (errors.ApprovalMissingError, 3),
    ],
)
def test_exit_codes_are_those_of_the_design(error, exit_code):
    assert error("x").exit_code == exit_code
