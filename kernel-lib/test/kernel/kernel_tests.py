"""The tests that every Jupyter kernel is to pass (jupyter_kernel_test), with what they need to know of this one."""

import unittest

import jupyter_kernel_test


class TypeScriptKernelTests(jupyter_kernel_test.KernelTests):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the tests wait 15 s; on a busy machine the first cell alone, for which the compiler starts, may take that
        cls.kc.wait_for_ready(timeout=300)
        cls.kc.execute_interactive("1", timeout=300)

    kernel_name = "tslab"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('test')"
    code_generate_error = "throw new Error('x')"
    code_inspect_sample = "Math.floor"
    code_clear_output = "clearOutput()"
    code_history_pattern = "1 ? 2*"
    supported_history_operations = ("tail", "range", "search")
    completion_samples = [
        {"text": "conso", "matches": {"console"}},
        {"text": "Math.floo", "matches": {"floor"}},
    ]
    complete_code_samples = ["1", "const x = 3", "function f() {\n  return 1\n}\n"]
    incomplete_code_samples = ["function f() {", "const x = `a", "[1,"]
    invalid_code_samples = ["const = 3", "1 +* 2"]
    code_execute_result = [
        {"code": "1 + 2 + 3", "result": "6"},
        {"code": "await Promise.resolve([1, 2])", "result": "[ 1, 2 ]"},
    ]
    code_display_data = [
        {"code": "import { display as shown } from 'tslab'; shown.html('<b>a</b>')", "mime": "text/html"},
        {"code": "display({ toMime: () => ({ 'image/png': 'AQ==' }) })", "mime": "image/png"},
    ]


if __name__ == "__main__":
    unittest.main()
