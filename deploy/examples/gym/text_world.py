"""A world of text alone, with a reward at its very end: a lamp, a dark cellar, a key, a chest in the tower, in 30 steps.

What is seen is a Text, so its words are the observation; what happened is the caption, which language feedback judges.
"""
import gymnasium

ROOMS = {
    "garden": {"north": "hall"},
    "hall": {"south": "garden", "east": "kitchen", "down": "cellar", "up": "tower"},
    "kitchen": {"west": "hall"},
    "cellar": {"up": "hall"},
    "tower": {"down": "hall"},
}
ACTIONS = ["north", "south", "east", "west", "up", "down", "take", "light", "unlock", "open", "wait"]


class TextWorld(gymnasium.Env):
    metadata = {"render_modes": ["ansi"]}
    STEPS = 30  # the way takes 9 to 11; chance finds it in one game of 7,000

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Text(200, charset=gymnasium.spaces.text.alphanumeric | frozenset(" .,"))
        self.action_space = gymnasium.spaces.Discrete(len(ACTIONS))

    def render(self):
        carried = " ".join(sorted(self.carried)) or "nothing"
        if self.room == "cellar" and not self.lit:
            return f"It is dark here. You carry {carried}"
        things = " ".join(sorted(thing for thing, place in self.things.items() if place == self.room))
        chest = "" if self.room != "tower" else " an unlocked chest" if self.unlocked else " a locked chest"
        return f"You are in the {self.room}. There is {things}{chest}. You carry {carried}{' a burning lamp' if self.lit else ''}"

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.room, self.steps, self.carried, self.lit, self.unlocked = "garden", 0, set(), False, False
        self.things = {"lamp": str(self.np_random.choice(["kitchen", "garden", "tower"])), "key": "cellar"}
        return self.render(), {"caption": "You wake up in the garden."}

    def act(self, word):
        """What happens, as a sentence."""
        here = [thing for thing, place in self.things.items() if place == self.room and (self.lit or self.room != "cellar")]
        if word in ROOMS[self.room]:
            self.room = ROOMS[self.room][word]
            return f"You go to the {self.room}."
        if word == "take" and here:
            self.things.pop(here[0])
            self.carried.add(here[0])
            return f"You take the {here[0]}."
        if word == "light" and "lamp" in self.carried and not self.lit:
            self.lit = True
            return "The lamp burns brightly."
        if word == "unlock" and self.room == "tower" and "key" in self.carried and not self.unlocked:
            self.unlocked = True
            return "The key turns, the chest is unlocked."
        if word == "open" and self.room == "tower":
            return "The chest opens. It is full of gold!" if self.unlocked else "The chest is locked."
        return "" if word == "wait" else "Nothing happens."

    def step(self, action):
        self.steps += 1
        caption = self.act(ACTIONS[action])
        won = caption.startswith("The chest opens")
        return self.render(), float(won), won, self.steps >= self.STEPS, {"caption": caption, "is_success": won}


gymnasium.register(id="Chest-v0", entry_point=TextWorld)
