"""One metric of one comparison, unit by unit: all that an estimator sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Two arms, one row a randomised unit; every array is [unit].

    value : numerator per period of the test (after the wash-out).
    treated : whether the unit is in the treatment arm, else it is in the control.
    exposure : denominator per period of the test, for a ratio of sums; None for a mean per unit and period.
    before, exposure_before : the same in the pre-period; None where there is none.
    stratum : code of the group within which arms were drawn (stratum or matched pair); all 0 where they were drawn at
        once.
    cluster : code of what was randomised, where several rows belong to one (the store of a switchback's blocks); None
        where each row is a unit of its own.
    """

    value: Floats
    treated: Flags
    exposure: Floats | None = None
    before: Floats | None = None
    exposure_before: Floats | None = None
    stratum: Ints | None = None
    cluster: Ints | None = None

    @property
    def strata(self) -> Ints:
        """Code of each unit's stratum, from 0 on."""
        if self.stratum is None:
            return np.zeros(len(self.value), dtype=np.int64)
        return np.unique(self.stratum, return_inverse=True)[1]

    @property
    def clusters(self) -> Ints:
        """Code of each row's cluster, from 0 on."""
        if self.cluster is None:
            return np.arange(len(self.value))
        return np.unique(self.cluster, return_inverse=True)[1]

    def assigned(self, treated: Flags) -> Sample:
        """Give the same measurements under another assignment: what randomisation inference looks at."""
        return replace(self, treated=treated)
