"""Types into `jupyter console` as a person would: values, an error, a question, Ctrl-C, and exit. Prints "all seen"."""

import sys

import pexpect

PATIENCE = 120

console = pexpect.spawn(
    sys.executable,
    ["-m", "jupyter_console", "--kernel", "tslab", "--simple-prompt", "--ZMQTerminalInteractiveShell.kernel_timeout=120"],
    encoding="utf-8",
    timeout=PATIENCE,
)


def enter(number, line, *wanted):
    console.expect(rf"In \[{number}\]: ")
    console.sendline(line)
    for each in wanted:
        console.expect(each)


enter(1, "const x: number = 20")
enter(2, "x * 2 + 2", r"Out\[2\]: 42")
enter(3, "throw new TypeError('meant')", "TypeError: meant", r"Cell \[3\], line 1, column 7")
enter(4, "const s: string = x", "TS2322")
enter(5, "prompt('who? ')", r"who\? $")
console.sendline("Ada")
console.expect(r"Out\[5\]: 'Ada'")
enter(6, "console.log('be' + 'gun'); await new Promise(() => {})", "begun")
console.sendintr()
console.expect("Interrupted")
enter(7, "[x, 'goes on']", r"Out\[7\]: \[ 20, 'goes on' \]")
enter(8, "exit")
console.expect(pexpect.EOF)
console.close()
print("all seen" if console.exitstatus == 0 else f"ended with {console.exitstatus}")
