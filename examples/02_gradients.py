"""Gradients without a model: a derivative of a derivative, a training loop by hand, a gradient penalty. A second.

    python examples/02_gradients.py
"""
import numpy as np

import fastdl as keras
from fastdl import GradientTape, Variable, ops

# d(x^3)/dx = 3 x^2, and its derivative 6 x
x = Variable(2.0)
with GradientTape() as outer:
    with GradientTape() as inner:
        y = x ** 3
    slope = inner.gradient(y, x)
print("x^3 at 2: slope", float(slope), "curvature", float(outer.gradient(slope, x)))

# A line through noisy points, by steepest descent. `function` traces the step once and then runs it in C.
rng = np.random.default_rng(0)
points = rng.uniform(-1, 1, (256, 1)).astype("float32")
heights = 3 * points - 1 + 0.1 * rng.standard_normal((256, 1)).astype("float32")
w, b = Variable([[0.0]]), Variable([0.0])


@keras.function
def step(x, y):
    with GradientTape() as tape:
        loss = ops.mean(ops.square(ops.matmul(x, w) + b - y))
    dw, db = tape.gradient(loss, [w, b])
    w.assign_sub(0.5 * dw)
    b.assign_sub(0.5 * db)
    return loss


for epoch in range(60):
    loss = step(points, heights)
print(f"fitted line: {float(w[0, 0]):.2f} x + {float(b[0]):.2f}, loss {float(loss):.4f} (the noise alone gives 0.01)")

# A penalty on the gradient with respect to the input: training through a gradient.
net = keras.Sequential([keras.Input((1,)), keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(1)])
optimizer = keras.optimizers.Adam(0.01)
for weight in (0.0, 0.1):
    keras.utils.set_random_seed(1)
    for k in range(150):
        with GradientTape() as outer:
            with GradientTape() as inner:
                at = ops.convert_to_tensor(points)
                inner.watch(at)
                guess = net(at)
            slope = inner.gradient(guess, at)
            loss = ops.mean(ops.square(guess - heights)) + weight * ops.mean(ops.square(slope))
        variables = net.trainable_variables
        optimizer.apply_gradients(zip(outer.gradient(loss, variables), variables))
    print(f"penalty {weight}: mean slope {float(ops.mean(slope)):.2f}")
