"""zsh-complete.py DIR LINE - what zsh shows for TAB behind LINE, with DIR's completions.

zsh completes only at a terminal, so it gets one."""
import os, pty, re, select, sys, tempfile, time

folder, line = sys.argv[1:]
home = tempfile.mkdtemp()
with open(home + "/.zshrc", "w") as f:
    f.write("PS1='READY> '\nfpath=(%s $fpath)\nautoload -Uz compinit && compinit -u -d %s/dump\n"
            "setopt auto_list no_auto_menu\nLISTMAX=1000\nPROMPT_EOL_MARK=\n" % (folder, home))
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(ZDOTDIR=home, HOME=home, TERM="dumb", COLUMNS="200")
    os.execvp("zsh", ["zsh", "-i"])


def read_until(pattern, seconds=15):
    text, end = "", time.time() + seconds
    while time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                text += os.read(fd, 65536).decode(errors="replace")
            except OSError:
                break
        elif re.search(pattern, text):
            break
    return text


read_until("READY> ")
os.write(fd, line.encode() + b"\t")
print(read_until(".").replace("\r", ""))
os.write(fd, b"\x03")
os.write(fd, b"exit\n")
