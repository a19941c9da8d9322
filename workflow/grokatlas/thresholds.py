"""Every threshold that a readout or a claim uses, in one place, each with its source.

They were fixed before any run was judged, but for those marked otherwise. Change one only with a reason written beside
the old value. A claim file names a threshold by its name here.
"""

from __future__ import annotations

# Accuracy. Source: the nested experiment's own logs and docs/verdicts.md.
GROK = 0.9  # test accuracy that counts as grokked
SOLID = 0.99  # test accuracy that counts as "100%" for more than an instant
FALLEN = 0.5  # an oscillation is a fall from GROK or above to below this between two evaluations

# Stride scores. Source: docs/verdicts.md.
LOCK_SCORE = 0.9  # a score from which a ring can be locked
LOCK_PROBES = 3  # a lock needs this many consecutive probes
LOCK_STEPS = 30_000  # and this many steps covered: three probes 10,000 steps apart, or more at a finer cadence
COLLAPSE_SCORE = 0.5  # a locked ring has collapsed at the first later probe below this, unless it locks again
TAKEOVER_SCORE = 0.5  # median inner score from which one stride has taken over
TAIL_SHARE = 0.4  # the last share of probes over which that median is taken
COEXISTENCE_SCORE = 0.5  # the nested article's own test of its capacity hypothesis, section on the root cause
COEXISTENCE_STEPS = 50_000  # steps for which both rings must hold it

# Trajectory readouts. Source: docs/verdicts.md.
LAST_SHARE = 0.2  # the last share of evaluations that a median and its 5% to 95% range summarise

# Judging. Source: chosen for this project before any run, docs/verdicts.md.
MAJORITY = 0.5  # share of runs that a "typically" claim is held against
CONFIDENCE = 0.95  # of the Wilson interval
SIGNIFICANCE = 0.05  # p-value below which a score is not chance
ACCURACY_TOLERANCE = 0.05  # a snapshot this near a published accuracy agrees with it
SCORE_TOLERANCE = 0.1  # the same for a stride score (a tenth: between one and three of an outer ring's 24 neighbours)
DIMENSION_TOLERANCE = 3.0  # the same for a PCA dimension, in components
STEP_FACTOR = 2.0  # a step within this factor of a published one agrees with it
REGIME_TOLERANCE = 500_000.0  # a change of regime this near the published step agrees with it, in steps

# The manifold article's predictions and its author's later tables. Source: chosen for this project before any of those
# runs was judged, docs/verdicts.md.
INTRINSIC_TOLERANCE = 0.5  # a dimension this near a whole number rounds to it
SUDDEN_SHARE = 0.5  # a fall is sudden if at least this share of it lies around one step
SUDDEN_RATIO = 2.0  # and a drift is, if it is this many times its median between events
LOOP_LEAD = 0.5  # one loop is long if it leads the second by this share of its length: at least twice as long
EVE = 2 / 3  # the eve of the grok step begins at this share of the way to it: the last third of low, high, medium
# Added after the first runs, in which a loop that led at one probe alone counted as the first one.
LASTING = 3  # something is there from the first of this many consecutive probes on, like a lock: fewer are a flash
# Added after the first runs, whose entropies saturate at ln 2: differences of 4e-9 to 2e-5 nats passed for a shape.
ENTROPY_GAP = 0.01  # least difference of mean attention entropies that counts, in nats: 1.4% of the most possible, ln 2
GROK_WINDOW = 1_000.0  # steps from the grok step that still coincide with it: two evaluations at the published cadence
FALLEN_RATIO = 0.5  # a level where the answers are lost is another one below this share of that where they are right
ACTIVATION_FACTOR = 1.25  # agreement of an activation statistic: the published levels are 2.7 times apart or more
TOPOLOGY_FACTOR = 2.0  # the same for a Betti number or a persistence: 500 sampled rows decide its last digits
PURE = 0.9  # mean coset purity from which clusters are cosets; 12 clusters at random have about 0.1
STUCK_STEPS = 15_000.0  # a run below GROK for this long at its end is stuck: a tenth of the published 150,000 steps
