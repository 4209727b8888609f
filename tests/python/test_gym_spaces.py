# SPDX-License-Identifier: MIT
"""What becomes of Gymnasium's spaces, observations and actions, value by value: onic.worker_spaces, and the same through the real programs."""

import random
import unittest
import zlib

import numpy as np
from gymnasium import spaces

from gym_support import HERE, PYTHON, trace
from onic.worker_spaces import _KEPT, OPTIONS_MAX, TYPES, WORDS, Actions, Mismatch, Observation, Unsupported
from support import OnicTest, onic

WIDE = {"int8": 127, "uint8": 255, "int16": 32767, "uint16": 65535, "int32": 2**31 - 1, "uint32": 2**32 - 1, "int64": 2**63 - 1, "uint64": 2**63 - 1}


def box(low, high, kind, shape=(2,)):
    return spaces.Box(low, high, shape, np.dtype(kind))


class Observations(unittest.TestCase):
    def written(self, space, value):
        """What stands in each field's memory then."""
        observation = Observation(space)
        offsets, size = observation.layout()
        block = np.full(size, 0xA5, np.uint8)
        observation.writer(block)(value)
        return {f.name: block[at : at + f.nbytes()].view(TYPES[f.type]).reshape(f.shape).tolist() for f, at in zip(observation.fields, offsets)}

    def refuses(self, space, value, why):
        with self.assertRaisesRegex(Mismatch, why):
            self.written(space, value)

    def test_each_type_keeps_its_numbers(self):
        for kind in [*TYPES, *_KEPT]:
            whole = np.dtype(kind).kind in "iu"
            space = box(0, 1, kind) if kind == "bool" else box(np.iinfo(kind).min, np.iinfo(kind).max, kind) if whole else box(-2.5, 2.5, kind)
            ours = _KEPT.get(kind, kind)
            self.assertEqual(Observation(space).text(), f"state {ours}[2]")
            ends = [0, 1] if kind == "bool" else [int(np.iinfo(kind).min), WIDE[kind]] if whole else [-2.5, 0.5]
            self.assertEqual(self.written(space, np.array(ends, kind)), {"state": ends}, kind)

    def test_a_number_that_its_type_has_not_is_none(self):
        self.refuses(box(0, 255, "uint8"), np.array([300, -1]), "the field 'state' holds -1, its type says 0 to 255")
        self.refuses(box(0, 255, "uint8"), np.array([300, 1]), "holds 300, its type says 0 to 255")
        self.refuses(box(0, 255, "uint8"), [256, 0], "holds 256")
        self.refuses(box(0, 65535, "uint16"), np.array([0, 65536]), "holds 65536, its type says 0 to 65535")
        self.refuses(box(0, 1, "bool"), np.array([0, 2]), "holds 2, its type says 0 to 1")
        self.refuses(box(-128, 127, "int8"), np.array([128, 0], np.uint8), "holds 128, its type says -128 to 127")
        self.refuses(box(0, 2**64 - 1, "uint64"), np.array([0, 2**63], np.uint64), f"holds {2**63}, its type says 0 to {2**63 - 1}")
        self.refuses(box(0, 2**64 - 1, "uint64"), np.array([0, -1]), "holds -1, its type says 0")
        self.refuses(spaces.MultiDiscrete([9, 9], start=[-5, -5]), np.array([2**64 - 1, 0], np.uint64), f"holds {2**64 - 1}")
        self.refuses(spaces.MultiDiscrete([9, 9], start=[-5, -5]), np.array([4, 0]), "is outside of its space")
        self.refuses(spaces.MultiBinary(2), np.array([0, 2], np.int8), "is outside of its space")

    def test_another_type_with_the_same_numbers_is_taken(self):
        self.assertEqual(self.written(box(0, 255, "uint8"), np.array([255, 0])), {"state": [255, 0]})
        self.assertEqual(self.written(box(0, 255, "uint8"), np.array([True, False])), {"state": [1, 0]})
        self.assertEqual(self.written(box(-5, 5, "float32"), np.array([4, -4])), {"state": [4, -4]})
        self.assertEqual(self.written(box(0, 2**64 - 1, "uint64"), np.array([7, 8], np.uint8)), {"state": [7, 8]})

    def test_bounds_of_a_box_are_not_looked_at(self):
        self.assertEqual(self.written(box(0, 1, "float32"), np.array([7, -7], np.float32)), {"state": [7, -7]})
        self.assertEqual(self.written(box(0, 9, "uint8"), np.array([10, 99], np.uint8)), {"state": [10, 99]})

    def test_a_choice_is_a_whole_number(self):
        space = spaces.Discrete(5, start=-1)
        for value in (3, np.int8(3), np.array(3), np.array([3]), np.array([[3]], np.uint64)):
            self.assertEqual(self.written(space, value), {"state": [4]})
        self.assertEqual(self.written(spaces.Discrete(2), np.bool_(True)), {"state": [1]})
        for value in (2.7, "3", None, np.float64(2), np.array([1, 2]), [], "9" * 999):
            with self.assertRaisesRegex(Mismatch, "its space says whole numbers from -1 to 3") as caught:
                self.written(space, value)
            self.assertLess(len(str(caught.exception)), 160)
        for value in (-2, 4, 2**70):
            self.refuses(space, value, f"the field 'state' is {value}, its space says -1 to 3")

    def test_choices_count_from_zero(self):
        self.assertEqual(self.written(spaces.MultiDiscrete([3, 4], start=[10, -2]), np.array([12, -2])), {"state": [2, 0]})
        self.assertEqual(self.written(spaces.MultiDiscrete([[3], [4]]), np.array([[2], [3]])), {"state": [[2], [3]]})
        for n, kind in ((256, "uint8"), (257, "int16"), (32769, "int32"), (2**31, "int64")):
            self.assertEqual(Observation(spaces.Discrete(n)).text(), f"state {kind}[1]")

    def test_more_than_three_dimensions_are_three(self):
        value = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
        space = box(0, 255, "uint8", (2, 3, 4, 5))
        self.assertEqual(Observation(space).text(), "state uint8[2,3,20]")
        self.assertEqual(self.written(space, value), {"state": value.reshape(2, 3, 20).tolist()})
        self.refuses(space, value.reshape(2, 3, 20), r"has the shape \[2, 3, 20\], its space says \[2, 3, 4, 5\]")

    def test_names_are_cut_and_told_apart(self):
        long = "the_way_to_the_garden_of_the_king"
        names = [f.name for f in Observation(spaces.Dict({long + str(i): spaces.Discrete(2) for i in range(12)})).fields]
        self.assertEqual(names[:3], [long[:23], long[:19] + "_2", long[:19] + "_3"])
        self.assertEqual((len(set(names)), max(map(len, names))), (12, 23))
        strange = Observation(spaces.Dict({"a b": spaces.Discrete(2), "a.b": spaces.Discrete(3), "": spaces.Discrete(4)}))
        self.assertEqual({f.name for f in strange.fields}, {"a_b", "a_b_2", "field"})

    def test_a_tuple_is_its_parts(self):
        space = spaces.Tuple((spaces.Discrete(3), box(0, 255, "uint8", (1,)), spaces.Dict({"x": spaces.MultiBinary(2)})))
        self.assertEqual(Observation(space).text(), "part0 uint8[1]; part1 uint8[1]; part2_x uint8[2]")
        self.assertEqual(self.written(space, (2, np.array([7], np.uint8), {"x": np.array([1, 0], np.int8)})), {"part0": [2], "part1": [7], "part2_x": [1, 0]})

    def test_words_are_where_their_hash_says(self):
        space = spaces.Dict({"news": spaces.Text(99), "old": spaces.Text(99)})
        [row] = self.written(space, {"news": "A door, a DOOR!", "old": "door 7"}).values()
        self.assertEqual({i for i, on in enumerate(row) if on}, {zlib.crc32(word) % WORDS for word in (b"a", b"door", b"7")})
        self.assertEqual(set(row), {0.0, 1.0})
        self.assertEqual(Observation(space).text(), f"words float32[{WORDS}]")

    def test_what_has_no_place_is_refused(self):
        graph = spaces.Graph(spaces.Discrete(2), None)
        for space, why in (
            (spaces.Dict({"net": graph}), "the field 'net' is a Graph; make it Box"),
            (spaces.Dict({"either": spaces.OneOf((spaces.Discrete(2), spaces.Discrete(3)))}), "the field 'either' is a OneOf; make it Box"),
            (spaces.Dict({"sky": box(0, 255, "uint8", (4097, 4097))}), r"the field 'sky' has 16785409 elements, onic takes 16777216 at most"),
            (spaces.Dict({"sea": box(0, 255, "uint8", (1000001,))}), r"the field 'sea' has the shape \[1000001\], which holds nothing, or more than a million"),
            (spaces.Dict({}), "the observation has 0 fields, onic takes 1 to 16"),
        ):
            with self.assertRaisesRegex(Unsupported, why):
                Observation(space)
        self.assertEqual(Observation(box(0, 255, "uint8", (4096, 4096))).text(), "state uint8[4096,4096]")


class ActionsGiven(unittest.TestCase):
    def given(self, space, cells):
        """What the environment gets for these cells; another array each time."""
        actions = Actions(space)
        view = np.array(cells, actions.cells())
        read = actions.reader(view)
        action, before = read(), read()
        self.assertIn(action, space)
        if isinstance(action, np.ndarray):
            self.assertIsNot(action, before)
            view[...] = 0
            np.testing.assert_array_equal(action, before)
        return action

    def refuses(self, space, why):
        with self.assertRaisesRegex(Unsupported, why):
            Actions(space)

    def test_choices(self):
        self.assertEqual(self.given(spaces.Discrete(5, start=-2), [4]), 2)
        self.assertEqual(self.given(spaces.MultiDiscrete([3, 4], start=[10, -2]), [2, 0]).tolist(), [12, -2])
        self.assertEqual(self.given(spaces.MultiDiscrete([[3], [4]]), [2, 3]).tolist(), [[2], [3]])
        binary = self.given(spaces.MultiBinary([2, 2]), [1, 0, 0, 1])
        self.assertEqual((binary.tolist(), binary.dtype), ([[1, 0], [0, 1]], np.int8))
        self.assertEqual(Actions(spaces.MultiBinary([2, 2])).text(True), "multi 2,2,2,2 masked")

    def test_numbers(self):
        self.assertEqual(self.given(box(-1, 1, "float32", (2, 3)), [0.5, 0, 0, 0, 0, -1]).tolist(), [[0.5, 0, 0], [0, 0, -1]])
        single = self.given(box(-1, 1, "float32", ()), [0.5])
        self.assertEqual((single.shape, float(single)), ((), 0.5))
        self.assertEqual(self.given(box(-1, 1, "float16", (1,)), [0.5]).dtype, np.float16)

    def test_numbers_stay_within_bounds_that_are_finer_than_ours(self):
        space = spaces.Box(np.array([-0.1, 0.3]), np.array([0.1, 0.7]), dtype=np.float64)
        low, high = np.float32([-0.1, 0.3]), np.float32([0.1, 0.7])  # the first is below and the second above
        self.assertTrue((low < space.low).tolist() == [True, False] == (high > space.high).tolist())
        self.assertEqual(self.given(space, low).tolist(), [-0.1, float(low[1])])
        self.assertEqual(self.given(space, high).tolist(), [0.1, float(high[1])])
        single = self.given(box(0, 0.1, "float64", ()), [np.float32(0.1)])
        self.assertEqual((type(single), float(single)), (np.ndarray, 0.1))

    def test_masks(self):
        actions = Actions(spaces.MultiDiscrete([2, 3]))
        for mask in (np.array([1, 0, 0, 1, 1]), [1, 0, 0, 1, 1], (np.array([1, 0]), np.array([0, 1, 1])), [[1, 0], [0, 1, 1]]):
            self.assertEqual(actions.mask_of(mask).tolist(), [True, False, False, True, True])
        tried = {tuple(actions.some_action(actions.mask_of([1, 0, 0, 1, 1]), random.Random(i)).tolist()) for i in range(20)}
        self.assertEqual(tried, {(0, 1), (0, 2)})
        self.assertEqual(Actions(spaces.Discrete(3, start=5)).some_action(np.array([0, 0, 1]), random.Random(0)), 7)
        self.assertEqual(Actions(spaces.MultiBinary(2)).some_action(np.array([0, 1, 1, 0]), random.Random(0)).tolist(), [1, 0])

    def test_what_has_no_place_is_refused(self):
        most = f"onic takes {OPTIONS_MAX} at most"
        self.refuses(spaces.Discrete(5000), f"the actions have 5000 options, {most}")
        self.refuses(spaces.MultiDiscrete([3000, 2000]), f"the actions have 5000 options together, {most}")
        self.refuses(spaces.MultiBinary(65), "an action has 65 parts, onic takes 1 to 64")
        self.refuses(box(-1, 1, "float32", (5, 13)), "an action has 65 parts, onic takes 1 to 64")
        self.refuses(spaces.Box(np.float32([0, 2]), np.float32([1, 2])), "number 1 of the actions, a Box, has the bounds 2 and 2; onic wants low below high")
        self.refuses(box(1e9, 1e9 + 1, "float64"), r"number 0 of the actions, a Box, has the bounds 1e\+09 and 1e\+09; onic wants low below high \(float32\)")
        self.refuses(box(-3e38, 3e38, "float32"), r"has the bounds -3\S+ and 3\S+; onic takes at most 3.4e\+38 between them")
        self.refuses(box(-1e300, 1e300, "float64"), "a Box without finite bounds; gymnasium.wrappers.RescaleAction")
        for space in (spaces.Tuple((spaces.Discrete(2),)), spaces.Text(9), spaces.Graph(spaces.Discrete(2), None)):
            self.refuses(space, f"the actions are a {type(space).__name__}; make them Discrete, MultiDiscrete, MultiBinary or Box")
        self.assertEqual(Actions(spaces.Discrete(OPTIONS_MAX)).text(False), "4096")


class Through(OnicTest):
    """The world Given under the real programs: what it shows, and what it is given."""

    ENV = "gym:strange_worlds:Given-v0"

    def given(self, space, actions, options=()):
        lines, _, _ = trace(self.ENV, actions, f"--plugin.acts={space}", *options)
        said = [line["message"] for line in lines]
        self.assertEqual(said[0], "I wait.")
        for sentence in said[1:]:
            self.assertRegex(sentence, " is an action.$")
        return [sentence.removesuffix(" is an action.") for sentence in said[1:]]

    def test_actions(self):
        self.assertEqual(self.given("Discrete(3,start=-1)", [0, 2]), ["np.int64(-1)", "np.int64(1)"])
        self.assertEqual(self.given("Box(0,0.1,(1,),np.float64)", [0.1, 0.1]), ["array([0.1])"] * 2)
        self.assertEqual(self.given("MultiBinary(2)", [1, 0]), ["array([1, 0], dtype=int8)"])
        self.assertEqual(self.given("MultiDiscrete([3,4],start=[10,-2])", [2, 0]), ["array([12, -2])"])
        self.assertEqual(self.given("Box(-1,1,(2,3))", [0.5, 0, 0, 0, 0, -1]), ["array([[ 0.5, 0. , 0. ], [ 0. , 0. , -1. ]], dtype=float32)"])
        self.assertEqual(self.given("Box(-1,1,())", [0.5]), ["array(0.5, dtype=float32)"])

    def test_a_number_of_another_type_breaks_the_episode(self):
        lines, _, _ = trace(self.ENV, [0], "--plugin.seen=Box(0,255,(2,),np.uint8)", "--plugin.shown=np.array([300,-1])")
        self.assertIn("the field 'state' holds -1, its type says 0 to 255", lines[0]["fault"])

    def test_limits_are_named(self):
        for option, why in (
            ("--plugin.acts=Discrete(5000)", "the actions have 5000 options, onic takes 4096 at most"),
            ("--plugin.acts=Box(0.5,0.5,(1,))", "number 0 of the actions, a Box, has the bounds 0.5 and 0.5; onic wants low below high"),
            ("--plugin.seen=Box(0,255,(5000,5000),np.uint8)", "the field 'state' has 25000000 elements, onic takes 16777216 at most"),
        ):
            done = onic("env", "describe", self.ENV, PYTHON, option, cwd=HERE, check=False)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(f"gym:Given-v0 cannot be played: {why}", done.stderr)
