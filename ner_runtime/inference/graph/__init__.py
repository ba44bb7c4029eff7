"""The graph of an ONNX file, and its changes for ONNX Runtime."""
