"""Export: what the graph knows without other packages, and the same numbers in onnxruntime and PyTorch where they are installed."""
import ast
import importlib.util
import json
import pathlib

import numpy as np
import pytest

import fastdl as keras
from fastdl import layers, ops
from fastdl.core.primitive import REGISTRY
from fastdl.errors import FileError
from fastdl.export import ExportError, export, graph
from fastdl.ops.symbolic import flatten
from fastdl.saving import flat

TOLERANCE = 1e-5


def beside(name):
    spec = importlib.util.spec_from_file_location(f"beside_{name}", pathlib.Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


models, table = beside("export_models"), beside("test_layers")
ROWS = [(f"{row[0].__name__}-{k}", row) for k, row in enumerate(table.ROWS + table.CALLS)]
onnx, torch = pytest.mark.needs("onnx", "onnxruntime"), pytest.mark.needs("torch")


def row_model(row):
    cls, args, shapes, *kwargs = row
    if kwargs:
        ins = [layers.Input(s[1:]) for s in shapes]
        return models.drawn(keras.Model(ins, cls(**args)(*ins, **kwargs[0])))
    ins = table.inputs(shapes)
    return models.drawn(keras.Model(ins, cls(**args)(ins)))


def other_data(model, batch, steps):
    """Inputs of a batch and a length that the export did not see."""
    rng, made = np.random.default_rng(batch), []
    for _, shape, dtype in graph.signature_of(model, None)[0]:
        shape = [batch if a == 0 else steps if s is None else s for a, s in enumerate(shape)]
        made.append(rng.integers(0, 5, shape).astype(dtype) if dtype == "int32" else rng.standard_normal(shape).astype(dtype))
    return made


def close(got, model, xs):
    want = flatten(model(xs if len(xs) > 1 else xs[0], training=False))
    assert len(got) == len(want)
    for a, b in zip(got, want):
        assert np.asarray(a).dtype == b.numpy().dtype
        np.testing.assert_allclose(np.asarray(a), b.numpy(), rtol=0, atol=TOLERANCE)


# ---------------------------------------------------------------- the same numbers elsewhere
@onnx
@pytest.mark.parametrize("make", models.ALL, ids=lambda f: f.__name__)
def test_onnxruntime_computes_the_same(make, tmp_path):
    import onnxruntime
    model = make()
    assert model.export(tmp_path / "m.onnx", verbose=False) <= TOLERANCE
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), options)
    for batch, steps in ((1, 31), (5, 10)) if make is models.anysize else ((1, 32), (5, 8)):
        xs = other_data(model, batch, steps)
        close(session.run(None, {i.name: x for i, x in zip(session.get_inputs(), xs)}), model, xs)


@torch
@pytest.mark.parametrize("make", models.ALL, ids=lambda f: f.__name__)
def test_pytorch_computes_the_same(make, tmp_path):
    import torch
    model = make()
    assert model.export(tmp_path / "m.py", verbose=False) <= TOLERANCE
    spec = importlib.util.spec_from_file_location("exported", tmp_path / "m.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    again = module.load(tmp_path / "m.safetensors")
    for batch, steps in ((1, 31), (5, 10)) if make is models.anysize else ((1, 32), (5, 8)):
        xs = other_data(model, batch, steps)
        with torch.no_grad():
            out = again(*map(torch.from_numpy, xs))
        close([y.numpy() for y in (out if isinstance(out, tuple) else (out,))], model, xs)


@onnx
@pytest.mark.parametrize("row", [r for _, r in ROWS], ids=[n for n, _ in ROWS])
def test_every_layer_in_onnx(row, tmp_path):
    assert row_model(row).export(tmp_path / "m.onnx", verbose=False) <= TOLERANCE


@torch
@pytest.mark.parametrize("row", [r for _, r in ROWS], ids=[n for n, _ in ROWS])
def test_every_layer_in_pytorch(row, tmp_path):
    values = 255 if row[0].__name__ == "AutoContrast" else 1                   # what it gives: grey levels
    assert row_model(row).export(tmp_path / "m.py", verbose=False) <= TOLERANCE * values


REAL = ["chars2vec_lstm_50/model_sigmoid.h5", "fer_mini_xception/emotion_model.hdf5", "mtcnn/pnet.h5", "mtcnn/rnet.keras", "mtcnn/onet.h5"]


@pytest.mark.shared_data
@pytest.mark.parametrize("form", [pytest.param("onnx", marks=onnx), pytest.param("py", marks=torch)])
@pytest.mark.parametrize("name", REAL)
def test_files_of_keras_2_as_other_formats(name, form, shared_data, tmp_path):
    model = keras.models.load_model(shared_data / "models" / name, compile=False)
    assert model.export(tmp_path / f"m.{form}", verbose=False) <= TOLERANCE


@pytest.mark.shared_data
@onnx
def test_a_keras_2_lstm_with_its_own_hard_sigmoid_and_any_length(shared_data, tmp_path):
    import onnxruntime
    from fastdl.saving.legacy_h5 import hard_sigmoid_keras2
    folder = shared_data / "models" / "chars2vec_lstm_50"
    start, golden = layers.Input((None, 59)), np.load(folder / "golden.npz")
    x = layers.LSTM(50, return_sequences=True, recurrent_activation=hard_sigmoid_keras2)(start)
    model = keras.Model(start, layers.LSTM(50, recurrent_activation=hard_sigmoid_keras2)(x))
    model.load_weights(folder / "weights.h5")
    model.export(tmp_path / "m.onnx", verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    y, = session.run(None, {session.get_inputs()[0].name: golden["x"].astype("float32")})
    np.testing.assert_allclose(y, golden["y_keras2_hard_sigmoid"], rtol=0, atol=TOLERANCE)


class One(keras.Model):
    """A primitive as a model."""

    def __init__(self, primitive, attrs):
        super().__init__()
        self.primitive, self.attrs, self.built = primitive, attrs, True

    def call(self, xs):
        out = self.primitive(*(xs if isinstance(xs, list) else [xs]), **self.attrs)
        return list(out) if isinstance(out, tuple) else out


def rules():
    from fastdl.export.onnx import Onnx
    from fastdl.export.onnx_recurrent import Recurrent
    from fastdl.export.torch import Torch
    for form, writers in (("onnx", (Onnx, Recurrent)), ("py", (Torch,))):
        for name, primitive in REGISTRY.items():
            known = any(name in getattr(w, "elementwise", ()) or hasattr(w, f"do_{name}") for w in writers)
            if known and primitive.updates is None and not name.endswith("_sequence") and name != "iota":
                yield form, name


@pytest.mark.parametrize("form, name", [pytest.param(f, n, marks=onnx if f == "onnx" else torch) for f, n in rules()])
def test_every_rule_says_its_primitive(form, name, tmp_path, monkeypatch):
    primitive, tried = REGISTRY[name], 0
    for which in range(min(3, len(primitive.samples)) if primitive.samples else 2):
        arrays, attrs = primitive.sample(np.random.default_rng(3), 5, which)
        arrays = [a.astype("float32") if a.dtype == "float64" else a for a in arrays]
        if not all(a.ndim for a in arrays) or any(a.dtype == "uint32" for a in arrays):
            continue
        monkeypatch.setattr("fastdl.export.samples", lambda graph: arrays)
        want = [y.numpy() for y in flatten(One(primitive, attrs)(arrays if len(arrays) > 1 else arrays[0]))]
        scale = max([1.0, *(float(np.abs(y).max()) for y in want if y.dtype.kind == "f")]) * max([1, *(a.shape[-1] for a in arrays)]) ** 0.5
        worst = export(One(primitive, attrs), tmp_path / f"m.{form}", verbose=False,
                       input_signature=[keras.KerasTensor(a.shape, str(a.dtype)) for a in arrays])
        assert worst <= 1e-6 * scale
        tried += 1
    assert tried


# ---------------------------------------------------------------- what is said, and what is refused
def test_the_message_tells_the_difference(tmp_path, capsys):
    models.mlp().export(tmp_path / "m.py")
    said = capsys.readouterr().out
    assert "m.py" in said and ("PyTorch differs by at most" in said or "not compared: PyTorch is not installed" in said)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.py", "m.safetensors"]


def test_without_onnx_one_sentence_names_the_extra(tmp_path, monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"fastdl\[onnx\]"):
        models.mlp().export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


class Loud(layers.Layer):
    def call(self, x):
        return x + keras.random.normal(x.shape)


class Looped(layers.Layer):
    def call(self, x):
        return sum((ops.tanh(x[:, t]) for t in range(x.shape[1])), ops.zeros_like(x[:, 0]))


def test_what_cannot_be_said_names_the_layer(tmp_path):
    start = layers.Input((4,))
    model = keras.Model(start, Loud(name="loud")(layers.Dense(4)(start)))
    with pytest.raises(ExportError, match=r"'loud' \(Loud\).*random"):
        model.export(tmp_path / "m.py")
    looped = keras.Sequential([layers.Input((None, 3)), Looped(name="looped")])
    with pytest.raises(ExportError, match=r"'looped' \(Looped\).*size in Input"):
        looped.export(tmp_path / "m.py")
    with pytest.raises(ValueError, match="onnx"):
        model.export(tmp_path / "m.pb")
    with pytest.raises(ExportError, match="has no weights yet"):
        keras.Sequential([layers.Dense(2)]).export(tmp_path / "m.py")
    with pytest.raises(TypeError, match="opset"):
        model.export(tmp_path / "m.py", opset=20)
    assert not list(tmp_path.iterdir())


def test_an_unbuilt_model_is_exported_by_signature(tmp_path):
    model = models.Wide()
    with pytest.raises(ExportError, match="input_signature"):
        model.export(tmp_path / "m.py")
    model.export(tmp_path / "m.py", input_signature=[(None, 5)], verbose=False)
    assert "nn.Linear(5, 6)" in (tmp_path / "m.py").read_text()


def test_state_between_batches_is_left_out_with_a_warning(tmp_path):
    model = keras.Sequential([layers.Input(batch_shape=(3, 4, 2)), layers.LSTM(3, stateful=True, name="kept")])
    model(np.ones((3, 4, 2), "float32"))
    before = [np.array(v.numpy()) for v in model.layers[0].states]
    with pytest.warns(UserWarning, match="'kept'"):
        model.export(tmp_path / "m.py", verbose=False)
    for v, a in zip(model.layers[0].states, before):
        np.testing.assert_array_equal(v.numpy(), a)


# ---------------------------------------------------------------- the graph
def steps(model):
    made = graph.trace(model)
    graph.fold(made)
    graph.join(made)
    return made, [s.name for s in made.steps]


def test_the_graph_of_a_network():
    made, names = steps(models.lenet())
    assert names == ["conv", "relu", "max_pool", "conv", "norm_apply", "relu", "average_pool", "reshape", "dense"]
    assert [len(s.ins) for s in made.steps if s.name == "conv"] == [3, 3]                  # the bias is part of it
    assert made.inputs[0].sizes(0) == graph.BATCH and made.inputs[0].sizes(1) == (14, 14, 14)
    assert set(made.steps[-2].varying) == {"shape"}
    assert steps(models.transformer())[1].count("layer_norm") == 2


def test_two_inputs_have_lengths_of_their_own():
    made = graph.trace(models.translate())
    assert made.inputs[0].sizes(1) != made.inputs[1].sizes(1)
    a, b = layers.Input((None, 2)), layers.Input((None, 2))
    merged = keras.Model([a, b], layers.add([a, b]))                                      # here they must be the same
    made = graph.trace(merged)
    assert made.inputs[0].sizes(1) == made.inputs[1].sizes(1)


def test_sizes_follow_from_the_inputs():
    made = graph.trace(models.lstm())
    x = made.inputs[0]
    size = made.size(tuple(3 * b * t for b, t in zip(x.sizes(0), x.sizes(1))))
    assert size.times == 3 and {axis for _, axis in size.factors} == {0, 1}
    assert made.size((7, 7, 7)) == 7 and made.size((7, 8, 9)) is None


def test_weights_alone_are_computed_beforehand():
    model = models.separable()
    made = graph.trace(model)
    graph.fold(made, weights=False)
    assert {id(v.array) for s in made.steps for v in s.ins if v.path} and not any(s.name == "reshape" and s.ins[0].path for s in made.steps)


def test_a_loop_over_time_stays_a_loop():
    made = graph.trace(models.cells())
    assert [s.name for s in made.steps].count("loop") == 3
    loop = [s for s in made.steps if s.name == "loop"][-1]
    body = loop.attrs["body"]
    assert loop.attrs["scanned"] == 1 and len(body.ins) == 1 + 3 + 1 and len(body.outs) == 3 + 1
    assert all(v.sizes(0) == graph.BATCH for v in body.ins) and loop.outs[0].sizes(1) == made.inputs[0].sizes(1)


# ---------------------------------------------------------------- PyTorch's source
def names_in(source):
    return {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}


def test_the_source_is_readable_and_its_weights_are_pytorchs(tmp_path):
    model = models.lenet()
    model.export(tmp_path / "folder", format="torch", verbose=False)
    source, state = (tmp_path / "folder" / "model.py").read_text(), flat.read_safetensors(tmp_path / "folder" / "model.safetensors")
    name = model.layers[0].name
    assert f"self.{name} = nn.Conv2d(3, 8, 3, padding=1)" in source and "F.pad" in source and "# channels last, as they were" in source
    kernel, bias = model.layers[0].get_weights()
    np.testing.assert_array_equal(state.array(f"{name}.weight"), np.transpose(kernel, (3, 2, 0, 1)))
    np.testing.assert_array_equal(state.array(f"{name}.bias"), bias)
    assert max(map(len, source.splitlines())) < 200


def test_a_name_never_becomes_code(tmp_path):
    evil = 'x"); import os; os.system("touch marker") #\n"""\nimport os\nos.system("x")\n'
    start = layers.Input((4,), name="import")
    x = layers.Dense(3, name=evil)(start)
    x = layers.Dense(3, name="forward")(layers.BatchNormalization(name="模型")(x))
    model = keras.Model(start, layers.Dense(2, name="torch")(x), name='"""\nimport os\n')
    model.export(tmp_path / "m.py", verbose=False)
    source = (tmp_path / "m.py").read_text()
    tree = ast.parse(source)
    assert {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names} == {"json", "torch", "torch.nn.functional"}
    assert [n.name for n in tree.body if isinstance(n, ast.ClassDef)] and "os" not in names_in(source)
    assert [type(n).__name__ for n in tree.body] == ["Expr", "Import", "Import", "Import", "ImportFrom", "ClassDef", "FunctionDef"]


def test_shared_layers_are_one_module(tmp_path):
    models.siamese().export(tmp_path / "m.py", verbose=False)
    source = (tmp_path / "m.py").read_text()
    assert source.count("nn.Linear") == 2 and source.count("self.inner_") == 2 + 4


# ---------------------------------------------------------------- safetensors
def trained():
    model = models.mlp()
    model.compile("adam", "mse")
    rng = np.random.default_rng(2)
    model.fit(rng.standard_normal((8, 8)), rng.standard_normal((8, 4)), epochs=1, verbose=0)
    return model


@pytest.mark.parametrize("name, more", [("w.safetensors", {}), ("w.weights.json", dict(max_shard_size=1e-6)), ("w.weights.json", {})])
def test_weights_travel(name, more, tmp_path):
    model = trained()
    model.save_weights(tmp_path / name, **more)
    again = models.mlp()
    again.compile("adam", "mse")
    again.load_weights(tmp_path / name)
    for a, b in zip(model.weights + model.optimizer.variables, again.weights + again.optimizer.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    if more:
        index = json.loads((tmp_path / name).read_text())
        assert index["metadata"]["total_size"] == sum(a.nbytes for a in flat.weights_as_table(model).values())
        files = {f for v in index["weight_map"].values() for f in (v if isinstance(v, list) else [v])}
        assert len(files) > 2 and files == {p.name for p in tmp_path.glob("*.h5")}


def test_shards_that_keras_wrote():
    folder = pathlib.Path(__file__).parent / "golden" / "saving"
    model, answers = keras.models.model_from_json((folder / "branches.json").read_text()), np.load(folder / "answers.npz")
    assert len(list(folder.glob("shards_*.weights.h5"))) > 1
    model.load_weights(folder / "shards.weights.json")
    for k, y in enumerate(flatten(model([answers["x"], answers["x"][::-1].copy()]))):
        np.testing.assert_allclose(y.numpy(), answers[f"branches_predicts_{k}"], rtol=0, atol=1e-6)


def test_a_weight_larger_than_a_shard_is_refused(tmp_path):
    with pytest.raises(ValueError, match="max_shard_size"):
        models.mlp().save_weights(tmp_path / "w.weights.json", max_shard_size=1e-8)


@pytest.mark.needs("safetensors")
def test_the_safetensors_package_reads_and_writes_the_same(tmp_path):
    from safetensors.numpy import load_file, save_file
    model = models.mlp()
    model.save_weights(tmp_path / "w.safetensors")
    found = load_file(tmp_path / "w.safetensors")
    mine = flat.weights_as_table(model)
    assert found.keys() == mine.keys() and all(np.array_equal(found[k], mine[k]) for k in mine)
    save_file(found, tmp_path / "again.safetensors")
    model.load_weights(tmp_path / "again.safetensors")


def file_of(header, body=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BAD = dict(empty=b"", short=b"\1\2\3", long=(1 << 60).to_bytes(8, "little") + b"{}", text=file_of(b"hello"), listed=file_of([1]),
           not_utf8=file_of(b"{\"\xff\": 1}"), twice=file_of(b'{"a": {}, "a": {}}'),
           hole=file_of({"a": dict(GOOD, data_offsets=[8, 16])}, b"\0" * 16),
           overlap=file_of({"a": GOOD, "b": GOOD}), tail=file_of({"a": GOOD}, b"\0" * 9), huge=file_of({"a": dict(GOOD, shape=[1 << 60, 1 << 60])}),
           negative=file_of({"a": dict(GOOD, shape=[-2])}), truth=file_of({"a": dict(GOOD, shape=[True, 2])}),
           kind=file_of({"a": dict(GOOD, dtype="F8_E4M3")}),
           word=file_of({"a": dict(GOOD, dtype=["F32"])}), key=file_of({"a": dict(GOOD, more=1)}), none=file_of({"a": None}),
           about=file_of({"__metadata__": {"a": 1}, "a": GOOD}), deep=file_of(b'{"a":' * 2000 + b"1" + b"}" * 2000))


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_damaged_safetensors_file_is_a_FileError(data, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(FileError, match="w.safetensors"):
        models.mlp().load_weights(path)


def test_bfloat16_and_booleans(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(file_of({"a": dict(dtype="BF16", shape=[2], data_offsets=[0, 4]), "b": dict(dtype="BOOL", shape=[2, 2], data_offsets=[4, 8])},
                             b"\x80\x3f\x20\xc0" + b"\0\1\1\0"))
    found = flat.read_safetensors(path)
    assert found.array("a").tolist() == [1.0, -2.5] and found.array("b").tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("name", ["../w_00000.weights.h5", "/etc/passwd", "w_00000.weights.h5\0", "C:w_00000.weights.h5", "w.keras", 7, None])
def test_an_index_of_shards_opens_nothing_but_shards_beside_it(name, tmp_path):
    (tmp_path / "w.weights.json").write_text(json.dumps({"weight_map": {"/layers/dense/vars": name}}))
    with pytest.raises(FileError, match="w.weights.json"):
        models.mlp().load_weights(tmp_path / "w.weights.json")


def test_an_index_of_other_things_is_a_FileError(tmp_path):
    model = models.mlp()
    for text in ("", "[]", '{"weight_map": []}', '{"weight_map": {}}', '{"weight_map": {"/a": "w_00007.weights.h5"}}'):
        (tmp_path / "w.weights.json").write_text(text)
        with pytest.raises(FileError):
            model.load_weights(tmp_path / "w.weights.json")
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=1e-6)
    shard = next(tmp_path.glob("*.h5"))
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="link"):
        model.load_weights(tmp_path / "w.weights.json")


def test_ops_of_the_functional_api_are_exported_by_name(tmp_path):
    a = layers.Input((4,), name="a")
    model = keras.Model(a, {"sum": ops.sum(a, -1), "sorted": ops.sort(a)})
    model.export(tmp_path / "m.py", verbose=False)
    assert "torch.sort(a, dim=" in (tmp_path / "m.py").read_text() and graph.trace(model).output_names == ["sorted", "sum"]
