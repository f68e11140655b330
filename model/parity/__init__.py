"""Our code against recorded outputs of the published code, in files of golden vectors.

Such a file is a `.safetensors` file of small random weights, inputs and outputs. Its metadata holds, under
`config`, the published code's keyword arguments as JSON.
"""
