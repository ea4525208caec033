"""Models for other programs: as an exported torch program, as ONNX, and as ONNX in 8-bit integers."""
