import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rlkit_agents.pqn.returns import lambda_returns


def by_definition(rewards, next_values, terminated, truncated, gamma, trace):
    """The mixture of n-step returns itself: (1 - lambda) lambda^(n-1) for each n, the rest for the longest one."""
    steps = len(rewards)
    mixed = np.zeros(steps)
    for t in range(steps):
        n_step, discount, summed, weight = [], 1.0, 0.0, 1.0
        for k in range(t, steps):
            summed += discount * rewards[k]
            discount *= gamma
            n_step.append(summed + (0.0 if terminated[k] else discount * next_values[k]))
            if terminated[k] or truncated[k]:
                break
        for n, value in enumerate(n_step):
            last = n == len(n_step) - 1
            mixed[t] += value * (weight if last else (1 - trace) * weight)
            weight *= trace
    return mixed


@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 12),
    gamma=st.floats(0, 1),
    trace=st.floats(0, 1),
)
def test_targets_are_the_mixture_of_all_n_step_returns(seed, steps, gamma, trace):
    generator = np.random.default_rng(seed)
    rewards, values = generator.normal(size=(2, steps, 3)).astype(np.float32)
    terminated, truncated = generator.random((2, steps, 3)) < 0.2
    truncated &= ~terminated
    targets = lambda_returns(rewards, values, terminated, truncated, gamma, trace)
    for index in range(3):
        columns = (column[:, index] for column in (rewards, values, terminated, truncated))
        np.testing.assert_allclose(targets[:, index], by_definition(*columns, gamma, trace), atol=1e-4)


def test_without_a_trace_the_target_is_that_of_q_learning():
    rewards, values = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0]], np.float32)
    no = np.zeros((2, 1), bool)
    np.testing.assert_allclose(lambda_returns(rewards, values, no, no, 0.5, 0.0), [[6.0], [12.0]])


def test_with_the_whole_trace_the_target_is_the_return_and_the_last_value():
    rewards, values = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0]], np.float32)
    no = np.zeros((2, 1), bool)
    np.testing.assert_allclose(lambda_returns(rewards, values, no, no, 0.5, 1.0), [[7.0], [12.0]])


def test_a_true_end_hides_what_comes_after_and_a_limit_does_not():
    rewards, values = np.array([[1.0], [100.0]], np.float32), np.array([[10.0], [20.0]], np.float32)
    here, no = np.array([[True], [False]]), np.zeros((2, 1), bool)
    assert lambda_returns(rewards, values, here, no, 0.5, 0.9)[0] == 1.0
    assert lambda_returns(rewards, values, no, here, 0.5, 0.9)[0] == 6.0
