import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import getPort from 'get-port'
import { describe, expect, type TestContext, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { has, test as kitTest } from '../support/kit.ts'
import { KIT } from '../support/kit-folder.ts'
import { ONLY_SLOW, spread, withSlow, withSome } from '../support/slow.ts'

const PYTHON = join(ROOT, 'test/workshop/python')

/** `npm run check`, without npm. */
async function check(...args: string[]) {
  const words = ['--import', 'tsx', 'lib/cli/check.ts', ...args]
  const { stdout, stderr, exitCode } = await execa(process.execPath, words, {
    cwd: KIT,
    reject: false,
    stdin: 'ignore',
  })
  return { stdout, stderr, exitCode }
}

/** For how long an inconclusive check is made again, in milliseconds. */
const INCONCLUSIVE_MS = 60_000

/**
 * Expects a program to pass. On a machine that stays too busy to judge it, the test is skipped as
 * inconclusive: it has neither passed nor failed.
 */
async function passes(skip: TestContext['skip'], id: string, command: string): Promise<void> {
  const startMs = performance.now()
  for (;;) {
    const { stdout, exitCode } = await check(id, '--command', command, '--seed', '1')
    if (exitCode === 3 && performance.now() - startMs < INCONCLUSIVE_MS) continue
    if (exitCode === 3) skip(`inconclusive: ${/^ {2}\? (.*)$/m.exec(stdout)?.[1]}`)
    expect(stdout).toContain(`${id}: passed`)
    expect(exitCode).toBe(0)
    return
  }
}

describe.skipIf(!has('python3')).concurrent('a solution in Python (needs python3)', () => {
  const solutions = readdirSync(PYTHON).map(name => name.replace(/\.py$/, ''))
  // One of them in CI, all with npm run test:slow.
  const some = ['udp-echo']
  test.runIf(withSome).for(withSlow ? solutions : some)(
    '%s passes npm run check -- --command',
    (id, { skip }) => passes(skip, id, `python3 ${join(PYTHON, `${id}.py`)}`),
  )
})

const C = `
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  signal(SIGCHLD, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(atoi(getenv("PORT")))};
  bind(listener, (struct sockaddr *)&own, sizeof own);
  listen(listener, 128);
  for (;;) {
    int client = accept(listener, 0, 0);
    if (client < 0 || fork() != 0) {
      close(client);
      continue;
    }
    char buffer[65536];
    long got;
    while ((got = read(client, buffer, sizeof buffer)) > 0) {
      for (long put = 0, n; put < got; put += n) if ((n = write(client, buffer + put, got - put)) < 0) _exit(0);
    }
    close(client);
    _exit(0);
  }
}
`

/** nginx as an HTTP server that says what it was asked; all its files are in a folder of its own. */
const NGINX = `
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/nginx.conf" <<CONF
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;
events {}
http {
  access_log off; keepalive_requests 100000; large_client_header_buffers 8 68k;
  client_body_temp_path $dir/b; proxy_temp_path $dir/p;
  fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
  map \\$content_length \\$length { '' 0; '~^0*(?<n>[0-9]+)$' \\$n; }
  server {
    listen 127.0.0.1:$PORT;
    location / { return 200 "\\$request_method \\$request_uri \\$length\\n"; }
  }
}
CONF
nginx -e "$dir/error.log" -c "$dir/nginx.conf"
`
/** Without a number behind the dot, inetd ends a service that is asked for 256 times a minute. */
const INETD = `
conf=$(mktemp)
trap 'rm -f "$conf"' EXIT
echo "127.0.0.1:$PORT stream tcp nowait.100000 $(id -un) /bin/cat cat" > "$conf"
inetd -i "$conf"
`

/** Servers that nobody wrote for this kit: they listen on $PORT. CI asks the first only. */
const servers: [name: string, id: string, tools: string[], command: string][] = [
  ['cat behind inetd', 'tcp-echo', ['inetd'], INETD],
  [
    'socat',
    'tcp-echo',
    ['socat'],
    'exec socat TCP-LISTEN:$PORT,bind=127.0.0.1,fork,reuseaddr EXEC:cat',
  ],
  [
    'Python’s socketserver',
    'tcp-echo',
    ['python3'],
    `exec python3 -c "
import os, socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536): self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(('127.0.0.1', int(os.environ['PORT'])), Echo).serve_forever()
"`,
  ],
]

describe.concurrent('a server that nobody wrote for this kit', () => {
  test.skipIf(!has('nginx') || !withSome)(
    'nginx passes what it does as RFC 9112 says (needs nginx)',
    async () => {
      const { stdout, exitCode } = await check('http-keep-alive', '--command', NGINX, '--seed', '1')
      expect(stdout).toContain('✓ accepts headers with few spaces, with many, and in several lines')
      // It knows TRACE, and refuses it.
      expect(stdout).toContain('✗ accepts any method and any target, each with or without a body')
      expect(stdout).toContain('the answer "TRACE /a 0" does not begin with "HTTP/1.1 200"')
      expect(stdout).toContain('405 No')
      expect(exitCode).toBe(1)
    },
  )

  for (const [name, id, tools, command] of withSlow
    ? servers
    : servers.slice(0, withSome ? 1 : 0)) {
    test.skipIf(!withSome || !tools.every(has))(
      `${name} passes ${id} (needs ${tools.join()})`,
      ({ skip }) => passes(skip, id, command),
    )
  }

  kitTest.skipIf(!has('cc') || !withSlow)(
    `socket, bind, listen, accept, read, write, close in C pass tcp-echo (needs cc) ${ONLY_SLOW}`,
    async ({ kit, skip }) => {
      const program = join(kit.folder(), 'echo')
      await execa('cc', ['-x', 'c', '-o', program, '-'], { input: C })
      await passes(skip, 'tcp-echo', program)
    },
  )

  kitTest.skipIf(!has('nc'))('nc -k is told what it cannot do (needs nc)', async ({ kit }) => {
    const nc = kit.program('nc', ['-v', '-n', '-k', '-l', '127.0.0.1', '0'])
    const port = /(\d+)$/.exec(await nc.complaint(/^Listening on /))![1]!
    const { stdout, exitCode } = await check('tcp-echo', '--port', port, '--seed', '1')
    expect(stdout).toContain('✗ sends back what a client has sent')
    expect(stdout).toContain('What happened: it fell silent')
    expect(exitCode).toBe(1)
  })

  const ended: [string, string | undefined][] = [
    ['nosuchcmd', 'A likely mistake: the command was not found: look at its name.'],
    ['node nosuch.js', 'A likely mistake: there is no such file or package'],
    ['echo "a.c:1:2: error: no" >&2; false', 'A likely mistake: the file does not compile.'],
    ['node -e 0', 'A likely mistake: nothing keeps it alive: a server that listens does.'],
    ['node -e "process.exit(1)"', undefined],
  ]
  test.each(spread(ended, 2, ended.length))(
    'the advice to %j is about what has ended it',
    async (command, advice) => {
      const { stdout, exitCode } = await check('hello', '--command', command)
      expect(stdout).toContain('What happened: the program has ended with code ')
      if (advice === undefined) expect(stdout).not.toContain('A likely mistake: nothing keeps')
      else expect(stdout).toContain(advice)
      expect(exitCode).toBe(1)
    },
  )

  test('a running server is checked by its port, and the result is JSON where asked for', async () => {
    const port = await getPort({ host: '127.0.0.1' })
    const words = ['--port', String(port), '--json', '--seed', '5']
    const { stdout, exitCode } = await check('tcp-echo', ...words)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ id: 'tcp-echo', passed: false, seed: 5 })
    expect(result.failure.what).toContain(`nothing listens on TCP port ${port} of 127.0.0.1`)
    expect(result.failure.likelyCause).toMatch(/^the server is not running, or listens on another/)
    expect(exitCode).toBe(1)
  })

  const wrong: [string[], string][] = [
    [['tcp-ecko', '--port', '1'], 'no exercise "tcp-ecko": did you mean tcp-echo?'],
    [['tcp-echo'], "give --port N for a server that runs, or --command '…' for a program to start"],
    [['tcp-echo', '--port', 'x'], '--port needs a whole number from 1 to 65535, got "x"'],
    [['heartbeat', '--port', '1'], 'heartbeat is a client: give --command'],
    [['hello', '--command', ' '], '--command is empty'],
    [['hello', '--port', '1', '--udp'], 'hello is about TCP: leave --udp out'],
    [['hello', '--port', '1', '--seed', '-1'], "Option '--seed' argument is ambiguous"],
    [[], 'which exercise? For instance hello; all: --list'],
  ]
  test.each(spread(wrong, 2, wrong.length))(
    'wrong usage %j: one line, exit code 2',
    async (args, line) => {
      const { stderr, stdout, exitCode } = await check(...args)
      expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 })
      expect(stderr.startsWith(line), stderr).toBe(true)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    },
  )

  kitTest.runIf(withSome)(
    'a server that never ends connections is examined to the end',
    async ({ kit }) => {
      const source = `require('node:net').createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {}).on('data', chunk => socket.write(chunk))
    }).listen(0, '127.0.0.1', function () { console.log('listening ' + this.address().port) })`
      const server = kit.program(process.execPath, ['-e', source])
      const port = (await server.line(/^listening /)).split(' ')[1]!
      const { stdout, exitCode } = await check('tcp-echo', '--port', port, '--seed', '1')
      expect(stdout).toContain('What happened: it did not end the connection')
      expect(exitCode).toBe(1)
    },
  )

  kitTest.skipIf(!withSlow || !has('python3'))(
    `behind a shell the program gets the signals (needs python3) ${ONLY_SLOW}`,
    async ({ kit, skip }) => {
      await passes(skip, 'graceful-shutdown', `cd ${PYTHON} && python3 graceful-shutdown.py`)
      const loop = `cd ${kit.folder()} && echo started && while :; do :; done`
      const { stdout: looping } = await check('hello', '--command', loop)
      expect(looping).toContain('the program computes without a pause, and was ended after 5 s')
      expect(looping).toContain('The program printed:\n  started\n')
    },
  )

  test.skipIf(!withSlow)(
    `a program that prints without end is ended, and only the end is shown ${ONLY_SLOW}`,
    async () => {
      const { stdout, stderr } = await check('hello', '--command', 'yes')
      expect(stderr).toBe('')
      expect(stdout).toContain('The program printed:\n  y\n')
      expect(stdout.split('\n').length).toBeLessThan(30)
    },
  )

  test('--list prints every protocol in words, or one of them', async () => {
    const { stdout: one } = await check('dns-answer', '--list')
    expect(one.match(/^\d\d {2}\S+: /gm)).toEqual(['03  dns-answer: '])
    const all = JSON.parse((await check('--list', '--json')).stdout)
    expect(all.length).toBeGreaterThanOrEqual(14)
    const { stdout, exitCode } = await check('--list')
    expect(exitCode).toBe(0)
    for (const id of ['hello', 'dns-answer', 'graceful-shutdown'])
      expect(stdout).toContain(`  ${id}: `)
  })
})
