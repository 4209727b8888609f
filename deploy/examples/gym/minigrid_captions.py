"""MiniGrid's worlds with sentences about what happens, those of onic's own port: gym:minigrid_captions:Talking-KeyCorridorS3R3-v0.

An example of captions from a wrapper: info["caption"] is all that language feedback needs of an environment.
"""
import gymnasium
import minigrid
from minigrid.core.constants import IDX_TO_COLOR, IDX_TO_OBJECT, OBJECT_TO_IDX

DOOR, GOAL, LAVA = (OBJECT_TO_IDX[name] for name in ("door", "goal", "lava"))
LOCKED, VIEW = 2, 7


def thing(kind, color):
    return f"{IDX_TO_COLOR[color]} {IDX_TO_OBJECT[kind]}."


class Captions(gymnasium.Wrapper):
    def reset(self, **how):
        obs, info = self.env.reset(**how)
        self.seen = set()
        return obs, {**info, "caption": self.sight(obs["image"])}

    def step(self, action):
        world = self.env.unwrapped
        front, carried, place = world.grid.get(*world.front_pos), world.carrying, tuple(world.agent_pos)
        locked = bool(front and front.type == "door" and front.is_locked)
        obs, reward, terminated, truncated, info = self.env.step(action)
        caption = self.event(action, front, carried, tuple(world.agent_pos) != place, locked) or self.sight(obs["image"])
        return obs, reward, terminated, truncated, {**info, "caption": caption, "is_success": bool(terminated and reward > 0)}

    def event(self, action, front, carried, moved, locked):
        world, name = self.env.unwrapped, f"{front.color} {front.type}." if front else ""
        if action == world.actions.forward and front and not moved:
            return "You bump into a wall." if front.type == "wall" else "You burn in lava." if front.type == "lava" else f"You bump into a {name}"
        if action == world.actions.forward and moved and front and front.type in ("goal", "lava"):
            return "You reach the goal." if front.type == "goal" else "You burn in lava."
        if action == world.actions.pickup and world.carrying and not carried:
            self.seen.add((OBJECT_TO_IDX[front.type], front.color, False))
            return f"You pick up the {name}"
        if action == world.actions.drop and carried and not world.carrying:
            return f"You drop the {carried.color} {carried.type}."
        if action == world.actions.toggle and front and front.type == "door":
            if locked and front.is_locked:
                return "The door is locked."
            if front.is_open:
                self.seen |= {(DOOR, front.color, locked), (DOOR, front.color, False)}
            return f"You {'unlock' if locked else 'open' if front.is_open else 'close'} the {name}"
        if action == world.actions.toggle and front and front.type == "box":
            return f"The box contains a {front.contains.type}." if front.contains else "The box is empty."
        return ""

    def sight(self, image):
        """The nearest thing in view whose kind has not been mentioned; of several the nearer row, then the left one."""
        best, nearest = None, 2 * VIEW
        for j in range(VIEW - 1, -1, -1):
            for i in range(VIEW):
                kind, color, state = (int(n) for n in image[i, j])
                key = (kind, "" if kind in (GOAL, LAVA) else IDX_TO_COLOR.get(color), kind == DOOR and state == LOCKED)
                distance = abs(i - VIEW // 2) + VIEW - 1 - j
                if kind >= DOOR and kind <= LAVA and distance and distance < nearest and key not in self.seen:
                    best, nearest = (key, kind, color), distance
        if best is None:
            return ""
        self.seen.add(best[0])
        if best[1] in (GOAL, LAVA):
            return "You see the goal." if best[1] == GOAL else "You see lava."
        return "You see a " + ("locked " if best[0][2] else "") + thing(best[1], best[2])


def make(name):
    return lambda **how: Captions(gymnasium.make(name, disable_env_checker=True, **how))


for name in [n for n in gymnasium.registry if n.startswith("MiniGrid-")]:
    gymnasium.register(id=name.replace("MiniGrid-", "Talking-"), entry_point=make(name))
