/**
 * TCP Fast Open: a SYN that carries data, to a server with the option and to one without. The SYN+ACK is
 * lost, so that the handshake stays incomplete while the server works.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Inconclusive, type Lab } from '#lib/lab/lab.ts'
import { experiment, type Observe } from '#lib/textbook/experiment.ts'

/** What happened while the SYN+ACK was lost. */
interface Attempt {
  /** What the server read; empty where it had nothing to accept. */
  read: string
  /** States of both ends at that moment. */
  states: { server: string; client: string }
  /** What the client read when the SYN+ACK could get through again. */
  answer: string
}

interface Observation {
  /** The server without Fast Open; the client sends data in its SYN all the same. */
  off: Attempt
  /** The server with Fast Open, and its socket right after the program had closed it. */
  on: Attempt & { closed: string }
  /** Bytes that each of the two first SYNs carried, where packets can be captured. */
  synBytes?: number[]
}

const SETTING = 'net.ipv4.tcp_fastopen'
/** The client may send data (1), and without a cookie (4), which would prove its address. */
const CLIENT_ONLY = 0x1 | 0x4
/** So may the server (2) take it, without a cookie (0x200), on every socket that listens (0x400). */
const BOTH = CLIENT_ONLY | 0x2 | 0x200 | 0x400
const [QUESTION, ANSWER] = ['hello', 'answer']
/** With explicit congestion notification, a SYN has two flags more. */
const SYNS = 'tcp[tcpflags] & (tcp-syn | tcp-ack) == tcp-syn'

/** Sends the question in the SYN, waits for an answer, and prints that. Node has no call for it. */
const CLIENT = `
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **words) {
  if (count < 2) return 1;
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  to.sin_port = htons(atoi(words[1]));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (sendto(fd, "${QUESTION}", ${QUESTION.length}, MSG_FASTOPEN, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    printf("sendto: %s", strerror(errno));
    return 0;
  }
  struct pollfd ready = { fd, POLLIN, 0 };
  char text[99];
  long bytes = poll(&ready, 1, 9000) == 1 ? read(fd, text, sizeof text) : 0;
  printf("%.*s", bytes > 0 ? (int)bytes : 0, text);
  return 0;
}
`

/** Sets who uses Fast Open in this network. */
function setFastOpen(lab: Lab, value: number): void {
  try {
    lab.sysctl(SETTING, value)
  } catch (error) {
    throw new Inconclusive(`${SETTING} cannot be set to ${value}: ${(error as Error).message}`)
  }
}

/** A server of a port of its own, and the states of the connection to it. */
async function listen(lab: Lab) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stateOf = (end: 'localPort' | 'remotePort') =>
    lab.tcpTable(port).find(row => row[end] === port && row.state !== 'LISTEN')?.state ?? 'none'
  const states = () => ({ server: stateOf('localPort'), client: stateOf('remotePort') })
  return { server, port, states }
}

/** The same client at a server without Fast Open: the data in the SYN is not for it. */
async function withoutFastOpen(lab: Lab, observe: Observe): Promise<Attempt> {
  setFastOpen(lab, CLIENT_ONLY)
  const { server, port, states } = await listen(lab)
  let early: Socket | undefined
  server.once('connection', socket => {
    early = socket
  })
  const drop = await lab.drop(`tcp sport ${port}`)
  const ended = lab.runC(CLIENT, [String(port)])
  await lab.waitUntil('the SYN has arrived', () => states().server === 'SYN-RECEIVED')
  // What can be accepted is announced in the next turn of the loop.
  for (let turns = 0; turns < 3; turns++) await setImmediate()
  const before = states()
  const [read] = early ? ((await once(early, 'data')) as [Buffer]) : ['']
  observe(`without Fast Open: server ${before.server}, ${early ? '' : 'nothing '}to accept`)
  await drop.lift()
  if (!early) [early] = (await once(server, 'connection')) as [Socket]
  early.on('error', () => {}).end(ANSWER)
  const answer = await ended
  server.close()
  return { read: String(read), states: before, answer }
}

/** A server with Fast Open: it accepts, reads, answers and closes, and no segment of it gets through. */
async function withFastOpen(lab: Lab, observe: Observe): Promise<Observation['on']> {
  setFastOpen(lab, BOTH)
  const { server, port, states } = await listen(lab)
  const drop = await lab.drop(`tcp sport ${port}`)
  const ended = lab.runC(CLIENT, [String(port)])
  // Where the kernel does not do it, the client is not patient for ever.
  const accepting = once(server, 'connection') as Promise<[Socket]>
  const first = await Promise.race([accepting, ended])
  if (typeof first === 'string') {
    server.close()
    return { read: '', states: { server: 'none', client: 'none' }, answer: first, closed: 'none' }
  }
  const accepted = first[0].on('error', () => {})
  const [data] = (await once(accepted, 'data')) as [Buffer]
  const before = states()
  observe(`with it: server ${before.server}, it reads "${data}"; client ${before.client}`)
  await new Promise(resolve => accepted.write(ANSWER, resolve))
  accepted.destroy()
  await once(accepted, 'close')
  const closed = states().server
  observe(`the server writes "${ANSWER}" and closes: ${closed}`)
  await drop.lift()
  const answer = await ended
  observe(`from now on nothing is lost: the client reads "${answer}"`)
  server.close()
  return { read: String(data), states: before, answer, closed }
}

export default experiment<Observation>({
  title: `a SYN with ${QUESTION.length} bytes, and a SYN+ACK that is lost, without Fast Open and with it`,
  needs: ['namespace', 'nft', 'cc'],
  claims: [
    {
      id: '1.30',
      essential: false,
      statement: 'A server can neither accept nor read before the handshake is complete.',
      verdict: 'depends',
      truth:
        'That is so unless TCP Fast Open is on. With it, a SYN may carry data. The server’s accept then returns while the socket is still in SYN-RECEIVED, and the program may read, answer and close. By default, Linux has it on for clients only.',
      source: 'RFC 7413; tcp(7), tcp_fastopen',
      judge: ({ off, on, synBytes }) => {
        const syns = synBytes === undefined ? '' : `SYNs with ${synBytes.join(' and ')} bytes; `
        const words = (read: string) => (read === '' ? 'nothing' : `"${read}"`)
        const observed = `${syns}without Fast Open the server, in ${off.states.server}, read ${words(off.read)}; with it, in ${on.states.server}, ${words(on.read)}, while the client was in ${on.states.client}; the server closed and went to ${on.closed}; later the client read ${words(on.answer)}`
        if (off.read !== '') return { verdict: 'wrong', observed }
        if (on.read === '') return { verdict: 'holds', observed }
        const incomplete = on.states.server === 'SYN-RECEIVED' && on.states.client === 'SYN-SENT'
        return { verdict: incomplete ? 'depends' : 'unclear', observed }
      },
      counterexample: ({ off, ...seen }) => ({ ...seen, off, on: { ...off, closed: 'none' } }),
    },
  ],

  async run(lab, observe) {
    lab.needRequestSockets()
    const capture = lab.canCapture ? await lab.capture(SYNS) : undefined
    const off = await withoutFastOpen(lab, observe)
    const on = await withFastOpen(lab, observe)
    const syns = await capture?.stop()
    // A SYN that is repeated carries nothing: the first one to each port counts.
    const firsts = syns?.filter(({ destination }, at) => {
      return syns.findIndex(other => other.destination === destination) === at
    })
    return { off, on, ...(firsts && { synBytes: firsts.map(({ len }) => len) }) }
  },
})
