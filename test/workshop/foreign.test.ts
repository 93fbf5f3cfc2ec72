import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../../lib/catalogue/index.ts'
import { has, test as kitTest } from '../support/kit.ts'

const PYTHON = join(ROOT, 'test/workshop/python')

/** `npm run check`, without npm. */
async function check(...args: string[]) {
  const words = ['--import', 'tsx', 'lib/cli/check.ts', ...args]
  const { stdout, stderr, exitCode } = await execa(process.execPath, words, {
    cwd: ROOT,
    reject: false,
    stdin: 'ignore',
  })
  return { stdout, stderr, exitCode }
}

describe.skipIf(!has('python3')).concurrent('a solution in Python (needs python3)', () => {
  const solutions = readdirSync(PYTHON).map(name => name.replace(/\.py$/, ''))
  test.each(solutions)('%s passes npm run check -- --command', async id => {
    const command = `python3 ${join(PYTHON, `${id}.py`)}`
    const { stdout, exitCode } = await check(id, '--command', command, '--seed', '1')
    expect(stdout).toContain(`${id}: passed`)
    expect(exitCode).toBe(0)
  })
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

/** Echo servers that nobody wrote for this kit: they listen on $PORT. */
const servers: [name: string, tools: string[], command: string][] = [
  ['socat', ['socat'], 'exec socat TCP-LISTEN:$PORT,bind=127.0.0.1,fork,reuseaddr EXEC:cat'],
  [
    'Python’s socketserver',
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
  for (const [name, tools, command] of servers) {
    test.skipIf(!tools.every(has))(`${name} passes tcp-echo (needs ${tools.join()})`, async () => {
      const { stdout, exitCode } = await check('tcp-echo', '--command', command, '--seed', '1')
      expect(stdout).toContain('tcp-echo: passed')
      expect(exitCode).toBe(0)
    })
  }

  kitTest.skipIf(!has('cc'))(
    'socket, bind, listen, accept, read, write, close in C pass tcp-echo (needs cc)',
    async ({ kit }) => {
      const program = join(kit.folder(), 'echo')
      await execa('cc', ['-x', 'c', '-o', program, '-'], { input: C })
      const { stdout, exitCode } = await check('tcp-echo', '--command', program, '--seed', '1')
      expect(stdout).toContain('tcp-echo: passed')
      expect(exitCode).toBe(0)
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

  test('a running server is checked by its port, and the result is JSON where asked for', async () => {
    const { stdout, exitCode } = await check('tcp-echo', '--port', '1', '--json', '--seed', '5')
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ id: 'tcp-echo', passed: false, seed: 5 })
    expect(result.failure.what).toMatch(/^nothing listens on TCP port 1 of 127\.0\.0\.1/)
    expect(exitCode).toBe(1)
  })

  test.each([
    [['tcp-ecko', '--port', '1'], 'no exercise "tcp-ecko": did you mean tcp-echo?'],
    [['tcp-echo'], "give --port N for a server that runs, or --command '…' for a program to start"],
    [['tcp-echo', '--port', 'x'], '--port needs a whole number from 1 to 65535, got "x"'],
    [['heartbeat', '--port', '1'], 'heartbeat is a client: give --command'],
    [[], 'which exercise? For instance hello; all: --list'],
  ])('wrong usage %j: one line, exit code 2', async (args, line) => {
    const { stderr, stdout, exitCode } = await check(...args)
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 })
    expect(stderr.startsWith(line), stderr).toBe(true)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  test('--list prints every protocol in words', async () => {
    const { stdout, exitCode } = await check('--list')
    expect(exitCode).toBe(0)
    for (const id of ['hello', 'dns-answer', 'graceful-shutdown'])
      expect(stdout).toContain(`  ${id}: `)
  })
})
