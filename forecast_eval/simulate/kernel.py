"""The compiled heart of the simulator: one period after the other, over a block of series that stays in cache.

Loops run over the series of a block, innermost, over few arrays and without a branch where that can be, so that the
compiler makes vector instructions of them. State and flows have the type of the demand: float64 for one exact course,
float32 for many. Nothing is allocated in a period.

All events are in one file, since numba keeps what it has compiled until the file of a function changes, and does not
look at those of the functions it calls. After a change of draws.py or state.py, delete __pycache__; the tests keep
compiled code by the content of this package.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from .draws import GIVEN, draw
from .state import (
    CYCLES,
    FILL,
    FLAG,
    IDENT,
    LATE,
    LEAD,
    LEFT,
    LIFE,
    LIFO,
    LINES,
    LOST,
    MISSED,
    NEIGHBOURS,
    ON_HAND,
    ORDER,
    ORDERED,
    OWED,
    OWES,
    PACK,
    POSITION,
    RECEIVE,
    RECEIVED,
    REVIEW,
    ROOM,
    SHORT,
    SMALLEST,
    SOLD,
    STOCK,
    SUBSTITUTED,
    SWITCHED,
    TRUCK,
    UNMET,
    WANTED,
    WASTED,
    Block,
    Rules,
    Tally,
)  # fmt: skip
from .system import LATEST


@njit(nogil=True, no_cpython_wrapper=True)
def _pay(flow, t, units, tally):
    """Count the money of the units [series] of a flow in period t."""
    n, a = units.size, tally.a
    weight, money = tally.weights[tally.slot[flow], t % tally.weights.shape[1], a : a + n], tally.money[a : a + n]
    for i in range(n):
        money[i] += weight[i] * units[i]


@njit(nogil=True, no_cpython_wrapper=True)
def _add(flow, t, units, tally):
    """Count the units [series] of a flow in period t, and their money."""
    # a slice, since an index a + i could be negative for all the compiler knows
    total = tally.flows[flow, tally.bins[t], tally.a : tally.a + units.size]
    for i in range(units.size):
        total[i] += units[i]
    if tally.slot[flow] >= 0:
        _pay(flow, t, units, tally)


@njit(nogil=True, no_cpython_wrapper=True)
def uniform(seed, scenario, period, ident):
    """Uniform number on 0..1 of a place, whoever asks for it and when (SplitMix64; Steele, Lea and Flood 2014)."""
    z = seed
    for part in (np.uint64(scenario), np.uint64(period), np.uint64(ident)):
        z = z + np.uint64(0x9E3779B97F4A7C15) + part
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) / 9007199254740992.0


@njit(nogil=True, cache=True)
def reset(block, start, due, a):
    """Put the stock of the start on the shelf, fresh, and what is in transit on its way; due is [period, series]."""
    for rows in (block.state, block.ages, block.pipe):
        for k in range(rows.shape[0]):
            for i in range(rows.shape[1]):
                rows[k, i] = 0
    stock, position, life = block.state[STOCK], block.state[POSITION], block.codes[LIFE]
    for i in range(stock.size):
        stock[i] = start[a + i]
        position[i] = start[a + i]
    for k in range(due.shape[0]):
        for i in range(stock.size):
            block.pipe[k, i] = due[k, a + i]
            position[i] += due[k, a + i]
    if block.how.perishable:
        for i in range(stock.size):
            if life[i] > 0:
                block.ages[life[i] - 1, i] = stock[i]


@njit(nogil=True, cache=True, inline="always")
def receive(t, block, tally):
    """Receive what is due in period t."""
    stock, arrived = block.state[STOCK], block.pipe[t % block.pipe.shape[0]]
    if tally.slot[RECEIVED] >= 0:
        _pay(RECEIVED, t, arrived, tally)
    if block.how.perishable:
        _shelve(t + 1 if block.how.arrive_after else t, arrived, block.ages, block.codes[LIFE], block.how.one_life)
    _unload(arrived, stock, tally.flows[RECEIVED, tally.bins[t], tally.a : tally.a + stock.size])


@njit(nogil=True, no_cpython_wrapper=True)
def _unload(arrived, stock, total):
    zero = arrived.dtype.type(0)
    for i in range(arrived.size):
        units = arrived[i]
        stock[i] += units
        total[i] += units
        arrived[i] = zero


@njit(nogil=True, inline="always")
def _shelve(t, units, ages, life, one_life):
    """Put units that can be sold from period t on to the others that expire when they do."""
    rows = ages.shape[0]
    if one_life:
        row = ages[(t + life[0] - 1) % rows]
        for i in range(units.size):
            row[i] += units[i]
    else:
        for i in range(units.size):
            if life[i] > 0:
                ages[(t + life[i] - 1) % rows, i] += units[i]


@njit(nogil=True, cache=True, inline="always")
def follow(t, block, rules, play, a):
    """Write what the rules of a play want to order in period t into WANTED."""
    wanted, position, n = block.state[WANTED], block.state[POSITION], block.state.shape[1]
    zero = wanted.dtype.type(0)
    if block.how.some_alone:
        own, position, life, lead = position, block.state[LEFT], block.codes[LIFE], block.codes[LEAD]
        late = 1 if block.how.arrive_after and not block.how.order_after else 0  # see InventorySystem.planned
        for i in range(n):
            position[i] = zero if 0 < life[i] <= lead[i] + late else own[i]
    reorder, level = rules.reorder[play, t, a : a + n], rules.level[play, t, a : a + n]
    _raise_to(level, reorder, position, wanted, block.how.slack)
    if rules.lot.size:
        lot = rules.lot[play, t, a : a + n]
        for i in range(n):
            if lot[i] > 0 and position[i] <= reorder[i]:
                wanted[i] = (np.floor((reorder[i] - position[i]) / lot[i]) + 1) * lot[i]
    if rules.cap.size:
        cap = rules.cap[play, t, a : a + n]
        for i in range(n):
            wanted[i] = cap[i] if wanted[i] > cap[i] else wanted[i]


@njit(nogil=True, no_cpython_wrapper=True)
def _raise_to(level, reorder, position, wanted, slack):
    zero = wanted.dtype.type(0)
    for i in range(wanted.size):
        need = level[i] - position[i]  # NaN compares as False; what is left of a rounding is no need
        wanted[i] = need if position[i] <= reorder[i] and need > slack else zero


@njit(nogil=True, no_cpython_wrapper=True)
def whole(wanted, pack, smallest, slack):
    """Up to the smallest order and to whole packs; NaN, and what is nothing but rounding, is nothing."""
    if not wanted > (slack * pack if pack > 0 else slack):
        return pack * 0
    least = smallest if wanted < smallest else wanted
    if pack <= 0:
        return least
    packs = least / pack
    # a level such as 3.0000000001 is 3: an interpolation's last digit must not buy a pack
    return pack * np.ceil(packs - (slack * packs if packs > 1 else slack))


@njit(nogil=True, no_cpython_wrapper=True)
def _cut(room, pack, smallest, slack):
    """Whole packs that fit into the room; nothing if that is less than the smallest order."""
    fitting = room
    if pack > 0:
        packs = room / pack
        fitting = pack * np.floor(packs + (slack * packs if packs > 1 else slack))
    return fitting if fitting > 0 and fitting >= smallest else pack * 0


@njit(nogil=True, cache=True)
def fit(block):
    """Turn WANTED into orders: packs, the smallest order, room on the shelf, the truck; see `feasible`."""
    how, wanted, position = block.how, block.state[WANTED], block.state[POSITION]
    pack, smallest, room = block.terms[PACK], block.terms[SMALLEST], block.terms[ROOM]
    if how.rounded:
        for i in range(wanted.size):
            wanted[i] = whole(wanted[i], pack[i], smallest[i], how.slack)
    if how.roomy:
        for i in range(wanted.size):
            free = room[i] - position[i]
            if wanted[i] > free:
                wanted[i] = _cut(free, pack[i], smallest[i], how.slack)
    if how.trucks:
        _load(wanted, block.codes[TRUCK], block.trucks, block.terms, how.slack)


@njit(nogil=True, no_cpython_wrapper=True)
def _load(wanted, truck, trucks, terms, slack):
    """Cut orders of a truck that is too full in proportion."""
    capacity, loaded, pack, smallest = trucks[0], trucks[1], terms[PACK], terms[SMALLEST]
    for g in range(loaded.size):
        loaded[g] = 0
    for i in range(wanted.size):
        loaded[truck[i]] += wanted[i]
    for i in range(wanted.size):
        if loaded[truck[i]] > capacity[truck[i]]:
            share = wanted[i] * (capacity[truck[i]] / loaded[truck[i]])
            wanted[i] = _cut(share, pack[i], smallest[i], slack)


@njit(nogil=True, cache=True, inline="always")
def place(t, scenario, block, tally):
    """Send the orders in WANTED to the supplier."""
    how, depth, lead, n = block.how, block.pipe.shape[0], block.codes[LEAD], block.state.shape[1]
    wanted, position = block.state[WANTED], block.state[POSITION]
    a = tally.a
    _book_marked(wanted, tally.flows[ORDERED, tally.bins[t], a : a + n], tally.flows[LINES, tally.bins[t], a : a + n])
    if tally.slot[ORDERED] >= 0:
        _pay(ORDERED, t, wanted, tally)
    if tally.slot[LINES] >= 0:
        _pay_marks(LINES, t, wanted, block.state[FLAG], tally)
    # what is ordered before demand and arrives after it is in transit for less than a period
    at_once = 0 if how.arrive_after and not how.order_after else 1
    if how.one_lead and not how.uncertain and lead[0] >= at_once:
        _send(wanted, position, block.pipe[(t + lead[0]) % depth])
        return
    if how.uncertain:
        _try_luck(t, scenario, block)
    for i in range(n):
        when = lead[i] + int(block.state[LEFT, i]) if how.uncertain else lead[i]
        position[i] += wanted[i]
        if when >= at_once:
            block.pipe[(t + when) % depth, i] += wanted[i]
            wanted[i] = 0
    _take_in(t, block, tally)


@njit(nogil=True, no_cpython_wrapper=True)
def _send(units, position, pipe):
    for i in range(units.size):
        position[i] += units[i]
        pipe[i] += units[i]


@njit(nogil=True, no_cpython_wrapper=True)
def _pay_marks(flow, t, units, flag, tally):
    """Count the money of each series whose units are above 0."""
    for i in range(units.size):
        flag[i] = units[i] > 0
    _pay(flow, t, flag, tally)


@njit(nogil=True, no_cpython_wrapper=True)
def _try_luck(t, scenario, block):
    """Cancel orders in WANTED, and write by how many periods the others are late into LEFT."""
    seed, ident, wanted, delay = block.how.seed, block.codes[IDENT], block.state[WANTED], block.state[LEFT]
    fill, late = block.terms[FILL], block.terms[LATE]
    for i in range(wanted.size):
        delay[i] = 0
        if wanted[i] <= 0:
            continue
        if uniform(seed, 2 * scenario, t, ident[i]) >= fill[i]:
            wanted[i] = 0
            continue
        luck, chance = uniform(seed, 2 * scenario + 1, t, ident[i]), np.float64(late[i])
        while luck < chance and delay[i] < LATEST:
            delay[i] += 1
            chance *= late[i]


@njit(nogil=True, no_cpython_wrapper=True)
def _take_in(t, block, tally):
    """Receive at once what is in WANTED: orders without lead time."""
    stock, wanted = block.state[STOCK], block.state[WANTED]
    for i in range(stock.size):
        stock[i] += wanted[i]
    _add(RECEIVED, t, wanted, tally)
    if block.how.perishable:
        _shelve(t + 1 if block.how.order_after else t, wanted, block.ages, block.codes[LIFE], block.how.one_life)


@njit(nogil=True, cache=True, inline="always")
def serve(t, demand, block, tally):
    """Meet the demand [series] of period t: the waiting, the customers of the day, their neighbours'; then expire."""
    how, state, n, a = block.how, block.state, block.state.shape[1], tally.a
    stock, position, sale, unmet = state[STOCK], state[POSITION], state[LEFT], state[UNMET]
    if how.waiting:
        _serve_waiting(demand, state)
    else:
        _sell(demand, stock, sale, unmet)
    if how.cycles:
        _mark(unmet, state[MISSED])
    if tally.slot[SHORT] >= 0:
        _pay_marks(SHORT, t, unmet, state[FLAG], tally)
    if how.neighbours or how.waiting:
        _mark(unmet, tally.flows[SHORT, tally.bins[t], a : a + n])  # before neighbours help, and before some wait
        _help(t, block, tally)
        _add(LOST, t, unmet, tally)
    else:
        _book_marked(unmet, tally.flows[LOST, tally.bins[t], a : a + n], tally.flows[SHORT, tally.bins[t], a : a + n])
        if tally.slot[LOST] >= 0:
            _pay(LOST, t, unmet, tally)
    _book(sale, tally.flows[SOLD, tally.bins[t], a : a + n], position)
    if tally.slot[SOLD] >= 0:
        _pay(SOLD, t, sale, tally)
    if how.perishable:
        _issue(t, block.ages, state, block.terms[LIFO], how.some_lifo)
        _expire(t, block.ages[t % block.ages.shape[0]], state, tally)


@njit(nogil=True, no_cpython_wrapper=True)
def _help(t, block, tally):
    """Let those who find nothing buy a neighbour, and a share of the others wait."""
    if block.how.neighbours:
        _switch(t, block, tally)
    if block.how.waiting:
        unmet, owed, position = block.state[UNMET], block.state[OWES], block.state[POSITION]
        for i in range(unmet.size):
            waits = block.how.backordered * unmet[i]
            owed[i] += waits
            position[i] -= waits
            unmet[i] -= waits
        _add(OWED, t, owed, tally)


@njit(nogil=True, no_cpython_wrapper=True)
def _sell(demand, stock, sale, unmet):
    for i in range(demand.size):
        there, asked = stock[i], demand[i]
        sold = there if there < asked else asked
        sale[i] = sold
        stock[i] = there - sold
        unmet[i] = asked - sold


@njit(nogil=True, no_cpython_wrapper=True)
def _mark(units, marks):
    """Add 1 where there are units."""
    zero, one = marks.dtype.type(0), marks.dtype.type(1)
    for i in range(units.size):
        marks[i] += one if units[i] > 0 else zero


@njit(nogil=True, no_cpython_wrapper=True)
def _book(units, total, level):
    for i in range(units.size):
        total[i] += units[i]
        level[i] -= units[i]


@njit(nogil=True, no_cpython_wrapper=True)
def _book_marked(units, total, marks):
    """Add the units, and 1 where there are some."""
    zero, one = marks.dtype.type(0), marks.dtype.type(1)
    for i in range(units.size):
        total[i] += units[i]
        marks[i] += one if units[i] > 0 else zero


@njit(nogil=True, no_cpython_wrapper=True)
def _serve_waiting(demand, state):
    """Serve those who wait first; a unit sold to them leaves both the stock and what is owed."""
    stock, position, owed, sale, unmet = state[STOCK], state[POSITION], state[OWES], state[LEFT], state[UNMET]
    for i in range(demand.size):
        ask = demand[i] + owed[i]
        sold = stock[i] if stock[i] < ask else ask
        early = owed[i] if owed[i] < sold else sold
        stock[i] -= sold
        owed[i] -= early
        position[i] += early
        sale[i] = sold
        unmet[i] = demand[i] - (sold - early)


@njit(nogil=True, no_cpython_wrapper=True)
def _switch(t, block, tally):
    """Let a share of the unmet demand of a group buy what its neighbours have left, in proportion to it."""
    state, groups, share = block.state, block.codes[NEIGHBOURS], block.how.substituted
    asked, there, stock, sale, unmet = block.kinds[0], block.kinds[1], state[STOCK], state[LEFT], state[UNMET]
    more, gone = state[FLAG], state[WANTED]
    for g in range(asked.size):
        asked[g], there[g] = 0, 0
    for i in range(stock.size):
        asked[groups[i]] += share * unmet[i]
        there[groups[i]] += stock[i]
    for i in range(stock.size):
        g = groups[i]
        bought = min(asked[g], there[g])
        more[i] = stock[i] * (bought / there[g]) if bought > 0 else bought
        gone[i] = share * unmet[i] * (bought / asked[g]) if bought > 0 else bought
    for i in range(stock.size):  # rounding must not leave less than nothing
        stock[i] = max(stock[i] - more[i], stock.dtype.type(0))
        sale[i] += more[i]
        unmet[i] = max(unmet[i] - gone[i], stock.dtype.type(0))
    _add(SUBSTITUTED, t, more, tally)
    _add(SWITCHED, t, gone, tally)


@njit(nogil=True, inline="always")
def _issue(t, ages, state, lifo, some_lifo):
    """Take the sale from the ages: first those who pick the freshest, then those who take the oldest."""
    sale, part, rows = state[LEFT], state[UNMET], ages.shape[0]
    if some_lifo:
        for i in range(sale.size):
            part[i] = lifo[i] * sale[i]
            sale[i] -= part[i]
        for k in range(rows - 1, -1, -1):
            _draw(ages[(t + k) % rows], part)
    pairs = rows // 2 * 2
    for k in range(0, pairs, 2):  # two at a time, which spares half of the way to and from memory
        _draw_two(ages[(t + k) % rows], ages[(t + k + 1) % rows], sale)
    if pairs < rows:
        _draw(ages[(t + pairs) % rows], sale)


@njit(nogil=True, no_cpython_wrapper=True)
def _draw_two(first, second, sale):
    for i in range(sale.size):
        there, asked = first[i], sale[i]
        used = there if there < asked else asked
        first[i] = there - used
        asked -= used
        there = second[i]
        used = there if there < asked else asked
        second[i] = there - used
        sale[i] = asked - used


@njit(nogil=True, no_cpython_wrapper=True)
def _draw(ages, sale):
    for i in range(ages.size):
        there, asked = ages[i], sale[i]
        used = there if there < asked else asked
        ages[i] = there - used
        sale[i] = asked - used


@njit(nogil=True, inline="always")
def _expire(t, gone, state, tally):
    """Throw away what could be sold until period t."""
    stock, position = state[STOCK], state[POSITION]
    _add(WASTED, t, gone, tally)
    _throw(gone, stock, position)


@njit(nogil=True, no_cpython_wrapper=True)
def _throw(gone, stock, position):
    zero = stock.dtype.type(0)
    for i in range(stock.size):
        units = gone[i]
        rest = stock[i] - units
        stock[i] = rest if rest > 0 else zero
        position[i] -= units
        gone[i] = zero


@njit(nogil=True, cache=True, inline="always")
def count(t, block, tally):
    """Count the stock at the end of period t, and the order cycles that end with it."""
    _add(ON_HAND, t, block.state[STOCK], tally)
    if block.how.cycles:
        missed, over, lead, review = block.state[MISSED], block.state[FLAG], block.codes[LEAD], block.codes[REVIEW]
        late = 1 if block.how.arrive_after else 0  # to be sold from the next period on
        for i in range(missed.size):
            since = t + 1 - late - lead[i]  # an order cycle runs from one arrival to the next
            ends = since > 0 and since % review[i] == 0
            over[i] = 1 if ends and missed[i] > 0 else 0
            missed[i] = 0 if ends or since <= 0 else missed[i]
        _add(CYCLES, t, over, tally)


@intrinsic
def _bare(context, array):  # noqa: ARG001 - numba's signature
    """Give the same array without a count of its users: counting costs more than the work on a small block."""

    def make(context, builder, signature, arguments):
        bare = context.make_array(signature.args[0])(context, builder, arguments[0])
        bare.meminfo = context.get_constant_null(types.MemInfoPointer(types.voidptr))
        bare.parent = context.get_constant_null(types.pyobject)
        return bare._getvalue()  # noqa: SLF001 - numba's own way

    return array(array), make


@njit(nogil=True, cache=True)
def run(counted, made, rules, table, a):
    """Play the rules of all plays against the same courses of demand, in the block that begins at series `a`."""
    how, time, n = counted.how, table.bins.size, counted.state.shape[1]
    block = Block(
        _bare(counted.state),
        _bare(counted.ages),
        _bare(counted.pipe),
        _bare(counted.codes),
        _bare(counted.terms),
        _bare(counted.trucks),
        _bare(counted.kinds),
        _bare(counted.events),
        how,
    )
    rules = Rules(_bare(rules.which), _bare(rules.reorder), _bare(rules.level), _bare(rules.lot), _bare(rules.cap))
    flows, bins, weights, slot = _bare(table.flows), _bare(table.bins), _bare(table.weights), _bare(table.slot)
    given, money = _bare(made.given), _bare(table.money)
    fitted = how.rounded or how.roomy or how.trucks
    drawn = np.empty((time, n), table.start.dtype)
    demand = _bare(drawn)
    for s in range(table.scenarios):
        if made.kind != GIVEN:
            draw(made, s, a, demand)
        for p in range(rules.which.size):
            play = rules.which[p]
            tally = Tally(flows[play], bins, money[play, s if weights.shape[0] else 0], weights, slot, a)
            reset(block, table.start, table.due, a)
            for t in range(time):
                for event in block.events:
                    if event == RECEIVE:
                        receive(t, block, tally)
                    elif event == ORDER:
                        follow(t, block, rules, p, a)
                        if fitted:
                            fit(block)
                        place(t, s, block, tally)
                    elif made.kind == GIVEN:
                        serve(t, given[made.pick[s], t, a : a + n], block, tally)
                    else:
                        serve(t, demand[t], block, tally)
                count(t, block, tally)
