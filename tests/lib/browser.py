"""browser.py - a headless Chromium that obeys lines on stdin, one answer line each. For
it evil.example is 127.0.0.1, as if somebody's DNS said so.

    open URL            go there
    eval EXPRESSION     its value, as JSON
    wait EXPRESSION     until it is true; 20 seconds at most
    shot FILE           a screenshot

An answer is the command's number, "ok" or "failed", and what there is to say."""
import base64, json, os, re, signal, subprocess, sys, tempfile, time, urllib.request

profile = tempfile.mkdtemp()
driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True)
for line in driver.stdout:
    found = re.search(r"started successfully on port (\d+)", line)
    if found:
        base = "http://127.0.0.1:%s/session" % found[1]
        break


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, {"Content-Type": "application/json"},
                                     method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return json.load(opener.open(request, timeout=60))["value"]


def end(*_):
    try:
        os.killpg(driver.pid, signal.SIGKILL)
    except OSError:
        pass
    subprocess.run(["rm", "-rf", profile])
    os._exit(0)


signal.signal(signal.SIGTERM, end)
session = ask("POST", "", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
    "--disable-dev-shm-usage", "--no-proxy-server", "--window-size=900,700",
    "--user-data-dir=" + profile]}}}})
base += "/" + session["sessionId"]


def script(text):
    return ask("POST", "/execute/sync", {"script": text, "args": []})


for number, line in enumerate(sys.stdin, 1):
    verb, _, rest = line.strip().partition(" ")
    answer = "ok"
    try:
        if verb == "open":
            ask("POST", "/url", {"url": rest})
        elif verb == "eval":
            answer += " " + json.dumps(script("return " + rest), separators=(",", ":"))
        elif verb == "shot":
            with open(rest, "wb") as f:
                f.write(base64.b64decode(ask("GET", "/screenshot")))
        elif verb == "wait":
            deadline = time.time() + 20
            while not script("return !!(" + rest + ")"):
                if time.time() > deadline:
                    answer = "failed " + json.dumps(script("return document.body.innerText"))
                    break
                time.sleep(0.05)
    except Exception as e:
        answer = "failed " + repr(e)
    print(number, answer, flush=True)
end()
