/** A server that starts while connections of its port are in TIME-WAIT: a server’s, and a client’s. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Connections of the port in TIME-WAIT at that time. */
  timeWait: number
  /** bind and listen in C: without SO_REUSEADDR, and with it. */
  plain: string
  reuseAddress: string
  /** Node's listen. */
  node: string
  /** Node's listen while the old server is still there. */
  live: string
  /** Node's listen on a port from which a client has connected, and which is in TIME-WAIT at that client. */
  client: string
}

const PROGRAM = String.raw`
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *try_listen(int port, int reuse) {
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  at.sin_port = htons(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  int failed = bind(fd, (void *)&at, sizeof at) || listen(fd, 1);
  const char *how = !failed ? "ok" : errno == EADDRINUSE ? "EADDRINUSE" : strerror(errno);
  close(fd);
  return how;
}

int main(int count, char **words) {
  if (count < 2) return 1;
  int port = atoi(words[1]);
  const char *plain = try_listen(port, 0), *reuse = try_listen(port, 1);
  printf("{\"plain\":\"%s\",\"reuseAddress\":\"%s\"}\n", plain, reuse);
  return 0;
}`

export default experiment<Observation>({
  title: 'a server starts again, with TIME-WAIT on its port, and beside a live one',
  needs: ['linux', 'cc'],
  claims: [
    {
      id: '6.20',
      essential: false,
      statement: 'A server cannot be restarted on its port until TIME-WAIT is over.',
      verdict: 'depends',
      truth:
        'Only without SO_REUSEADDR, at both times: the old socket must have had it too. Node and nearly every server set it, so EADDRINUSE mostly means that the old process still lives, or another one listens there. A client does not set it, so a port that is in TIME-WAIT after a client used it cannot be listened on.',
      source: 'socket(7), SO_REUSEADDR',
      example: '06/time-wait',
      judge: ({ timeWait, plain, reuseAddress, node, live, client }) => {
        const observed = `${timeWait} in TIME-WAIT: in C ${plain}, with SO_REUSEADDR ${reuseAddress}, Node ${node}; beside a live server: ${live}; on a port in TIME-WAIT that was a client’s: ${client}`
        if (timeWait === 0 || plain !== 'EADDRINUSE') return { verdict: 'unclear', observed }
        return { verdict: reuseAddress === 'ok' && node === 'ok' ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, reuseAddress: 'EADDRINUSE', node: 'EADDRINUSE' }),
    },
  ],

  async run(lab, observe) {
    lab.needTimeWait()
    const listen = async (port: number): Promise<Server> => {
      const server = createServer().listen(port, '127.0.0.1')
      await once(server, 'listening')
      return server
    }
    const outcome = (server: Promise<Server>) =>
      server.then(
        () => 'ok',
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      )
    const old = await listen(0)
    const { port } = old.address() as AddressInfo
    old.on('connection', socket => socket.on('error', () => {}).end()) // closes first
    const visitor = connect({ port, host: '127.0.0.1' }).resume()
    visitor.on('error', () => {})
    await once(visitor, 'close')
    old.close()
    const timeWait = await lab.waitUntil('TIME-WAIT on the port of the server', () => {
      const rows = lab.tcpTable(port).filter(({ localPort }) => localPort === port)
      return rows.every(({ state }) => state === 'TIME-WAIT') && rows.length
    })
    observe(`the old server has gone; ${timeWait} connection in TIME-WAIT`)
    const inC: Pick<Observation, 'plain' | 'reuseAddress'> = JSON.parse(
      await lab.runC(PROGRAM, [`${port}`]),
    )
    observe(`in C: ${inC.plain}; with SO_REUSEADDR: ${inC.reuseAddress}`)
    const starting = listen(port)
    const node = await outcome(starting)
    const live = await outcome(listen(port))
    observe(`Node: ${node}; beside a live server: ${live}`)
    await starting.then(server => server.close()).catch(() => {})

    const other = await listen(0)
    other.on('connection', socket => socket.on('error', () => {}).resume())
    const first = connect({ port: (other.address() as AddressInfo).port, host: '127.0.0.1' })
    await once(first.resume(), 'connect')
    const own = first.localPort!
    first.end()
    await lab.waitUntil('TIME-WAIT on the port of the client', () =>
      lab.tcpTable(own).some(row => row.localPort === own && row.state === 'TIME-WAIT'),
    )
    other.close()
    const taking = listen(own)
    const client = await outcome(taking)
    observe(`Node, on a port in TIME-WAIT that was a client’s: ${client}`)
    await taking.then(server => server.close()).catch(() => {})
    return { timeWait, ...inC, node, live, client }
  },
})
