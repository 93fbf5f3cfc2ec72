"""Runs a command in a pseudo-terminal: terminal.py COLUMNS ROWS COMMAND...

Standard input goes to the terminal as if typed, what the terminal shows comes out on standard
output. Exit code: the command's, or 128 + the signal that ended it.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios

columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
go, ready = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.close(ready)
    os.read(go, 1)  # until the terminal has its size
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
os.close(go)
os.close(ready)

sources = [terminal, 0]
while terminal in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            data = b''
        if not data:
            # Whoever types has gone: the terminal goes too, and its programs get a SIGHUP.
            sources.remove(terminal)
            break
        else:
            os.write(terminal if source == 0 else 1, data)
os.close(terminal)
status = os.waitpid(pid, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
