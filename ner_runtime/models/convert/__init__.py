"""Convert checkpoints into model directories: ONNX export, INT8, verification."""
