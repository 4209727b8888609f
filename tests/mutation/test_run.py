#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tests/mutation/run.py makes of its tests' answers, with a ctest that answers from a list."""
import json, pathlib, sys, tempfile, unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run


class Noticed(unittest.TestCase):
    def noticed(self, tests, *answers):
        """answers: what each call of ctest says, in turn; a test that is not among it was left out."""
        calls, answers = [], list(answers)

        def run_tests(names, stop):
            calls.append(list(names))
            return answers.pop(0)

        before, run.run_tests = run.run_tests, run_tests
        try:
            found = run.noticed(tests)
        finally:
            run.run_tests = before
        self.assertEqual(answers, [])
        return found, calls

    def test_a_test_that_fails_twice_has_noticed(self):
        found, calls = self.noticed(["a", "b"], {"a": "fail"}, {"a": "fail"})
        self.assertEqual(found, ("a", ""))
        self.assertEqual(calls, [["a", "b"], ["a"]])

    def test_one_that_passes_alone_lets_the_next_speak(self):
        found, calls = self.noticed(["a", "b"], {"a": "fail"}, {"a": "run"}, {"b": "fail"}, {"b": "fail"})
        self.assertEqual(found, ("b", ""))
        self.assertEqual(calls[2], ["b"])

    def test_a_bug_has_survived_when_all_have_passed_alone(self):
        found, calls = self.noticed(["a", "b", "c"], {"a": "fail", "b": "run"}, {"a": "run"}, {"c": "run"})
        self.assertEqual(found, ("", "failed, and passed alone: a"))
        self.assertEqual(calls[2], ["c"])

    def test_what_was_not_run_is_said(self):
        self.assertEqual(self.noticed(["a", "b"], {"a": "run", "b": "notrun"})[0], ("", "not run: b"))
        self.assertEqual(self.noticed(["a"], {"a": "run"})[0], ("", ""))


class State(unittest.TestCase):
    def test_what_an_older_run_wrote_is_found_anew(self):
        whole = {"digest": "1", "verdict": "caught", "detail": "", "when": "today"}
        old = {"digest": "1", "verdict": "caught", "detail": ""}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results.json"
            path.write_text(json.dumps({"found": {"a": whole, "b": old}}))
            self.assertEqual(run.read_state(path, fresh=False)["found"], {"a": whole})
            self.assertEqual(run.read_state(path, fresh=True)["found"], {})
            self.assertEqual(run.read_state(path / "nothing", fresh=False)["found"], {})


class Selection(unittest.TestCase):
    def test_a_run_of_no_bug_is_no_success(self):
        argv, sys.argv = sys.argv, ["run.py", "--only=^there is none of this name$"]
        try:
            with self.assertRaisesRegex(SystemExit, "nothing was run"):
                run.main()
        finally:
            sys.argv = argv


if __name__ == "__main__":
    unittest.main()
