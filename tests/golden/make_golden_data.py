"""Writes golden_data.json.xz: what Keras makes of random texts, series, folders and tables. Run it where Keras and TensorFlow are:

    KERAS_BACKEND=tensorflow python tests/golden/make_golden_data.py
"""
import contextlib
import io
import json
import lzma
import pathlib
import random
import tempfile

import numpy as np

LETTERS = list("abcABC  ,.!?\t\n-'_0189") + list("éßŞıǅ猫爱我 😀")


def words_of(r, length=30):
    return "".join(LETTERS[k] for k in r.randint(len(LETTERS), size=r.randint(length)))


def pick(r, *choices):
    return choices[r.randint(len(choices))]


def texts(text, n):
    r = np.random.RandomState(n)
    settings = dict(num_words=pick(r, None, None, 4, 9), lower=pick(r, True, False), char_level=pick(r, False, False, True),
                    oov_token=pick(r, None, "<?>", "a"), split=pick(r, " ", " ", "-", ","))
    if r.rand() < 0.4:
        settings["filters"] = pick(r, "", "abc,", ".!? ")
    fitted, new = [words_of(r) + " a b" for _ in range(r.randint(1, 6))], [words_of(r) + "b" for _ in range(3)]
    t = text.Tokenizer(**settings)
    t.fit_on_texts(fitted)
    t.fit_on_texts([["A", "b", "c d"]])
    sequences = t.texts_to_sequences(new)
    found = [t.word_index, t.word_counts, sorted(t.word_docs.items()), t.document_count, sorted(t.index_docs.items()), sequences,
             t.sequences_to_texts([*sequences, [1, 2, 99]])]
    found += [t.sequences_to_matrix([s for s in sequences if s], mode).round(9).tolist() for mode in ("binary", "count", "freq", "tfidf")]
    again = text.tokenizer_from_json(t.to_json())
    plain = {k: v for k, v in settings.items() if k in ("filters", "lower", "split")}
    return found + [again.texts_to_sequences(new), text.text_to_word_sequence(new[0], **plain),
                    text.hashing_trick(new[1], 50, "md5"), text.hashing_trick(new[1], 7, len)]


def sequences(sequence, utils, n):
    r = np.random.RandomState(n)
    rows = [r.randint(1, 99, r.randint(0, 7)).tolist() for _ in range(r.randint(1, 6))]
    found = [utils.pad_sequences(rows, pick(r, None, 1, 3, 9), pick(r, "int32", "float32", "float64"), pick(r, "pre", "post"),
                                 pick(r, "pre", "post"), pick(r, 0, 7)).tolist()]
    data = r.randint(0, 100, (r.randint(12, 40), 2))
    length, rate, stride, batch = r.randint(1, 6), r.randint(1, 4), r.randint(1, 4), r.randint(1, 6)
    start = pick(r, 0, 2)
    g = sequence.TimeseriesGenerator(data, data[:, 0] * 3, length, rate, stride, start, pick(r, None, len(data) - 2),
                                     reverse=pick(r, False, True), batch_size=batch)
    found.append([[a.tolist() for a in g[k]] for k in range(len(g))])
    d = utils.timeseries_dataset_from_array(data, pick(r, None, data[:, 1] * 5), length, stride, rate, batch,
                                            start_index=pick(r, None, 1), end_index=pick(r, None, len(data) - 1))
    found.append([[np.asarray(a).tolist() for a in (b if isinstance(b, (tuple, list)) else (b,))] for b in d])
    random.seed(n)
    np.random.seed(n)
    words = r.randint(0, 9, 12).tolist()
    found.append(sequence.skipgrams(words, 9, int(r.randint(1, 4)), pick(r, 0.0, 1.0, 2.5), pick(r, True, False), pick(r, True, False),
                                    pick(r, None, sequence.make_sampling_table(9, 0.1)), pick(r, None, 5)))
    found.append(sequence.make_sampling_table(20, pick(r, 1e-5, 1e-2)).round(12).tolist())
    return [[None if v is None else np.asarray(v).tolist() for v in part] if isinstance(part, tuple) else part for part in found]


NAMES = ["b/1.png", "b/10.png", "b/2.PNG", "b/sub/0.png", "b/a.sub/3.jpg", "B/x.jpeg", "a c/é.bmp", "a c/.hid.png", "10/1.gif", "9/z.png",
         "b/0.txt", "9/a.TXT", "9/no.md", "B/2.txt", "a c/t.txt", "10/q.txt", ".secret/1.png", ".secret/1.txt", "top.png", "top.txt",
         "b/y.tif"]


def plant(folder):
    """A tree of files: pictures of one grey level each, the number of the name."""
    from PIL import Image

    for k, name in enumerate(NAMES):
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.lower().endswith(("txt", "md")):
            path.write_text(f"text {k}")
        else:
            Image.new("L", (2, 2), k * 10).save(path)


def folders(image, utils, folder):
    def listed(dataset):
        rows = [tuple(np.asarray(a) for a in batch) if isinstance(batch, (tuple, list)) else (np.asarray(batch),) for batch in dataset]
        first = [[v.decode() if isinstance(v, bytes) else v for v in np.ravel(r[0]).tolist()] if r[0].dtype == object else
                 r[0][:, 0, 0, 0].round().tolist() for r in rows]
        paths = None if rows[0][0].dtype == object else [str(pathlib.Path(p).relative_to(folder)) for p in dataset.file_paths]
        order = [dataset.class_names if labelled else None, paths]
        # How a shuffled pass is ordered is tf.data's own business; which samples it has is not.
        return order + ([sorted(sum(first, []))] if shuffle else [first, [r[1].tolist() for r in rows if len(r) > 1]])

    found = {}
    for labelled, mode, part, shuffle in ((1, "int", None, False), (1, "categorical", "training", False), (1, "int", "validation", False),
                                          (1, "int", "training", True), (1, "int", "validation", True), (0, None, None, False)):
        split = dict(validation_split=0.3, subset=part, seed=4) if part else {}
        for name, make in (("image", utils.image_dataset_from_directory), ("text", utils.text_dataset_from_directory)):
            size = dict(image_size=(2, 2)) if name == "image" else {}
            d = make(folder, labels="inferred" if labelled else None, label_mode=mode, shuffle=shuffle, batch_size=4, verbose=False,
                     **split, **size)
            found[f"{name} {mode} {part} {shuffle}"] = listed(d)
    labelled, shuffle = 1, False
    d = utils.text_dataset_from_directory(folder, class_names=["9", "b"], shuffle=False, batch_size=3, label_mode="binary", verbose=False)
    found["chosen"] = listed(d)
    generator = image.ImageDataGenerator(validation_split=0.4)
    for part in (None, "training", "validation"):
        for mode in ("categorical", "sparse", None):
            for classes in (None, ["b", "9"]):
                np.random.seed(3)
                flow = generator.flow_from_directory(folder, (2, 2), classes=classes, class_mode=mode, subset=part, batch_size=3, seed=2)
                found[f"flow {part} {mode} {classes}"] = [flow.filenames, flow.class_indices, flow.classes.tolist(), len(flow),
                                                          [np.asarray(a).tolist() for a in (next(flow) if mode else [next(flow)])]]
    return found


def tables(image, folder):
    import pandas

    names = [n for n in NAMES if n.endswith(("png", "jpg", "jpeg", "md"))] + ["gone.png"]
    rows = range(len(names))
    frame = pandas.DataFrame({"filename": names, "class": [n[0] for n in names], "many": [["x", "y"][:1 + k % 2] for k in rows],
                              "size": [float(k) for k in rows], "w": [k / 2 for k in rows]})
    found = {}
    generator = image.ImageDataGenerator(validation_split=0.4)
    for column, mode in (("class", "categorical"), ("class", "sparse"), ("many", "categorical"), ("size", "raw"), (["size", "w"], "raw"),
                         (["size", "w"], "multi_output"), ("class", "input"), ("class", None)):
        for part in (None, "training", "validation"):
            for classes in (None, ["b", "9"], ["y", "x"]) if mode in ("categorical", "sparse") else (None,):
                if classes and (column == "many") != ("x" in classes):
                    continue
                np.random.seed(3)
                flow = generator.flow_from_dataframe(frame, folder, y_col=column, class_mode=mode, classes=classes, subset=part, seed=2,
                                                     batch_size=3, target_size=(2, 2), weight_col="w" if mode == "raw" else None)
                batch = next(flow)
                found[f"{column} {mode} {part} {classes}"] = [
                    flow.filenames, getattr(flow, "class_indices", None), flow.samples, len(flow),
                    [[np.asarray(b).tolist() for b in a] if isinstance(a, list) else np.asarray(a).tolist()
                     for a in (batch if isinstance(batch, (tuple, list)) else [batch])]]
    return found


def everything(text, sequence, image, utils, with_tables=True):
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        plant(folder)
        made = {"texts": [texts(text, n) for n in range(60)], "sequences": [sequences(sequence, utils, n) for n in range(60)],
                "folders": folders(image, utils, folder)}
        if with_tables:
            made["tables"] = tables(image, folder)
    return json.loads(json.dumps(made))


if __name__ == "__main__":
    import warnings

    import keras
    from keras.src.legacy.preprocessing import image, sequence, text

    warnings.simplefilter("ignore")
    made = everything(text, sequence, image, keras.utils)
    pathlib.Path(__file__).with_name("golden_data.json.xz").write_bytes(lzma.compress(json.dumps(made).encode()))
