"""Export of segmentation models: as a torch program, as ONNX, and as quantised ONNX (int8)."""
