"""Rows of images as one picture file, for the examples; a sentence when matplotlib is missing."""
import numpy as np


def save(path, rows, titles=(), row_names=()):
    """One panel an image of `rows`, a list of lists; grey (h, w) or colour (h, w, 3), each stretched to its own range."""
    try:
        import matplotlib
    except ImportError:
        print('No picture: matplotlib is not installed (pip install "fastdl[plot]").')
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = max(map(len, rows))
    figure, axes = plt.subplots(len(rows), columns, figsize=(1.3 * columns, 1.4 * len(rows)), squeeze=False, layout="constrained")
    for r, row in enumerate(rows):
        for c in range(columns):
            axis = axes[r, c]
            axis.set(xticks=[], yticks=[])
            if c >= len(row):
                axis.axis("off")
                continue
            image = np.asarray(row[c], "float32")
            low, high = image.min(), image.max()
            axis.imshow((image - low) / (high - low + 1e-7), cmap="gray")
            if c == 0 and r < len(row_names):
                axis.set_ylabel(row_names[r], fontsize=8)
            if r * columns + c < len(titles):
                axis.set_title(titles[r * columns + c], fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print("Picture:", path)
