/** Which errors, and whose datagrams, reach a UDP socket that is connected, and one that is not. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { counterChanges } from '#lib/kernel/counters.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Of the unconnected socket: sends without an error, answers of ICMP that came in, its errors. */
  open: { sends: number; refusals: number; errors: number }
  /** Of the connected one: what the callback of its send said, then what came. */
  connected: { callback: string; error: string; syscall: string }
  /** Texts that each has heard when its peer and a stranger wrote to it. */
  heard: { open: string[]; connected: string[] }
  /** What a C program reads after connect(): a stranger wrote before it and after it, then the peer. */
  late?: string[]
}

/** A stranger's datagram is in the receive buffer when the socket is connected to its peer. */
const PROGRAM = `
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

static struct sockaddr_in address(int fd) {
  struct sockaddr_in own = { .sin_family = AF_INET };
  socklen_t size = sizeof own;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, (struct sockaddr *)&own, size);
  getsockname(fd, (struct sockaddr *)&own, &size);
  return own;
}

int main(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), peer = socket(AF_INET, SOCK_DGRAM, 0);
  int stranger = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in own = address(fd), other = address(peer);
  sendto(stranger, "early", 5, 0, (struct sockaddr *)&own, sizeof own);
  connect(fd, (struct sockaddr *)&other, sizeof other);
  sendto(stranger, "late", 4, 0, (struct sockaddr *)&own, sizeof own);
  sendto(peer, "peer", 4, 0, (struct sockaddr *)&own, sizeof own);
  char text[9];
  for (;;) {
    long bytes = recv(fd, text, sizeof text, MSG_DONTWAIT);
    if (bytes < 0) return 0;
    printf("%.*s\\n", (int)bytes, text);
  }
}
`

export default experiment<Observation>({
  title: 'datagrams to a dead port, and from a stranger, with and without connect',
  needs: ['linux'],
  claims: [
    {
      id: '3.11',
      essential: true,
      statement:
        'When no socket has the port, an unconnected sender gets no error, and a connected one gets ECONNREFUSED.',
      verdict: 'holds',
      truth:
        'The error comes late, after the send has succeeded. An unconnected socket gets it only with the option IP_RECVERR, whatever udp(7) says, and Node cannot set that.',
      source: 'connect(2); ip(7), IP_RECVERR; RFC 1122 section 4.1.3.3',
      example: '03/connected',
      judge: ({ open, connected }) => {
        const observed = `not connected: ${open.sends} sends, ${open.refusals} refusals came in, ${open.errors} errors; connected: send ${connected.callback}, then ${connected.error} in ${connected.syscall}`
        if (open.refusals === 0) return { verdict: 'unclear', observed }
        const only = open.errors === 0 && connected.error === 'ECONNREFUSED'
        return { verdict: only ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, open: { ...seen.open, errors: 3 } }),
    },
    {
      id: '3.12',
      essential: false,
      statement: 'A connected UDP socket receives from its peer only.',
      needs: ['cc'],
      verdict: 'depends',
      truth:
        'connect() sends nothing. It sets the peer for send(), and from then on the kernel filters what comes in. What came in before is still handed out, from any sender.',
      source: 'connect(2); udp(7)',
      example: '03/connected',
      judge: ({ heard, late }) => {
        const observed = `not connected: heard ${heard.open.join(', ')}; connected: heard ${heard.connected.join(', ')}; a stranger writes before connect (early) and after it (late): read ${late?.join(', ')}`
        if (late === undefined) return { verdict: 'unclear', observed }
        if (heard.connected.includes('stranger') || late.includes('late'))
          return { verdict: 'wrong', observed }
        return { verdict: late.includes('early') ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, late: ['peer'] }),
    },
  ],

  async run(lab, observe) {
    const bind = async (): Promise<Socket> => {
      const socket = createSocket('udp4').bind(0, '127.0.0.1')
      await once(socket, 'listening')
      return socket
    }
    const send = (from: Socket, text: string, ...to: [port: number, host: string] | []) =>
      new Promise<string>(done => {
        const told = (error: Error | null) => done((error as NodeJS.ErrnoException)?.code ?? 'ok')
        if (to.length === 0) from.send(text, told)
        else from.send(text, ...to, told)
      })
    const gone = await bind()
    const dead = gone.address().port
    gone.close()
    await once(gone, 'close')

    const open = await bind()
    let errors = 0
    open.on('error', () => errors++)
    const before = lab.counters()
    let sends = 0
    for (let i = 0; i < 3; i++) if ((await send(open, '?', dead, '127.0.0.1')) === 'ok') sends++
    const refusals = counterChanges(before, lab.counters())['Icmp.InDestUnreachs'] ?? 0
    observe(`not connected: ${sends} sends without an error; ${refusals} ICMP messages came in`)

    const asking = createSocket('udp4')
    asking.connect(dead, '127.0.0.1')
    await once(asking, 'connect')
    const failure = once(asking, 'error') as Promise<[NodeJS.ErrnoException]>
    const callback = await send(asking, '?')
    const [{ code = '', syscall = '' }] = await failure
    observe(`connected: send ${callback}, then error ${code} in ${syscall}`)

    const [peer, stranger, connected] = [await bind(), await bind(), createSocket('udp4')]
    connected.connect(peer.address().port, '127.0.0.1')
    await once(connected, 'connect')
    const listen = async (socket: Socket): Promise<string[]> => {
      const texts: string[] = []
      const end = new Promise<void>(resolve =>
        socket.on('message', text => {
          texts.push(text.toString())
          if (texts.at(-1) === 'peer') resolve()
        }),
      )
      for (const [from, text] of [
        [stranger, 'stranger'],
        [peer, 'peer'],
      ] as const) {
        await send(from, text, socket.address().port, '127.0.0.1')
      }
      await end
      return texts
    }
    // Had there been an error for the open socket, it would have come before these messages.
    const heard = { open: await listen(open), connected: await listen(connected) }
    observe(
      `heard: not connected ${heard.open.join(', ')}; connected ${heard.connected.join(', ')}`,
    )
    const late = lab.canCompile ? (await lab.runC(PROGRAM)).trim().split('\n') : undefined
    if (late) observe(`strangers before and after connect: read ${late.join(', ')}`)
    for (const socket of [open, asking, peer, stranger, connected]) socket.close()
    return {
      open: { sends, refusals, errors },
      connected: { callback, error: code, syscall },
      heard,
      ...(late && { late }),
    }
  },
})
