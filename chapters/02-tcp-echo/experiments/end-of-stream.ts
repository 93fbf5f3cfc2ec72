/** What a FIN becomes in the reader's program, and where bytes wait that it has not read. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** What a program that reads got after the FIN, and after how many bytes. */
  reader: { event: string; bytes: number }
  /** What a program that does not read got, and its socket's state in the kernel. */
  sleeper: { events: string[]; state: string; waiting: number }
  /** Bytes that arrived, that a read of limited size took, and that waited after it. */
  sent: number
  read: number
  left: number
  /** Reads without a FIN that say 0 too (where C programs can be compiled). */
  without?: { ownShutdown: number; count: number; datagram: number }
}

/** Three reads that return 0 on sockets whose peer has not sent a FIN. */
const PROGRAM = `
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback = { .sin_family = AF_INET };
static socklen_t size = sizeof loopback;

static int bound(int type) {
  int fd = socket(AF_INET, type, 0);
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  loopback.sin_port = 0;
  bind(fd, (struct sockaddr *)&loopback, size);
  getsockname(fd, (struct sockaddr *)&loopback, &size);
  return fd;
}

static int connected(int *accepted) {
  int listener = bound(SOCK_STREAM), fd = socket(AF_INET, SOCK_STREAM, 0);
  listen(listener, 1);
  connect(fd, (struct sockaddr *)&loopback, size);
  *accepted = accept(listener, NULL, NULL);
  return fd;
}

int main(void) {
  char byte[9];
  int accepted, fd = connected(&accepted);
  shutdown(fd, SHUT_RD);
  printf("%zd ", read(fd, byte, sizeof byte));
  fd = connected(&accepted);
  if (write(accepted, "x", 1) != 1 || recv(fd, byte, 1, MSG_PEEK) != 1) return 1;
  printf("%zd ", read(fd, byte, 0));
  int receiver = bound(SOCK_DGRAM), sender = socket(AF_INET, SOCK_DGRAM, 0);
  sendto(sender, "", 0, 0, (struct sockaddr *)&loopback, size);
  printf("%zd\\n", read(receiver, byte, sizeof byte));
}
`

const SENT = 140
const READ = 40

export default experiment<Observation>({
  title: 'a FIN for a program that reads and one that does not; 140 bytes, read 40 at a time',
  needs: ['linux'],
  claims: [
    {
      id: '2.21',
      essential: true,
      statement: 'A read that returns 0 means the end of the stream: the peer has sent its FIN.',
      needs: ['cc'],
      verdict: 'depends',
      truth:
        'On a stream it mostly does, and Node makes it the event `end`: but not before the bytes in front of the FIN have been read. A read also returns 0 after one’s own shutdown for reading, when it asks for 0 bytes, and for an empty datagram.',
      source: 'read(2), recv(2), shutdown(2)',
      example: '02/echo',
      judge: ({ reader, sleeper, without }) => {
        const seen = `reader: ${reader.bytes} bytes, then ${reader.event}; a program that does not read: ${sleeper.events.join(', ') || 'no event'}, ${sleeper.state} with ${sleeper.waiting} in its queue, the FIN counted as one`
        if (without === undefined) return { verdict: 'unclear', observed: seen }
        const { ownShutdown, count, datagram } = without
        const observed = `${seen}; without any FIN: ${ownShutdown} after shutdown(SHUT_RD), ${count} for a count of 0, ${datagram} for an empty datagram`
        if (reader.event !== 'end' || sleeper.events.length > 0)
          return { verdict: 'wrong', observed }
        const others = [ownShutdown, count, datagram].filter(result => result === 0).length
        return { verdict: others > 0 ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, without: { ownShutdown: -1, count: -1, datagram: -1 } }),
    },
    {
      id: '2.22',
      essential: false,
      statement: 'What a read does not take stays for the next one.',
      verdict: 'holds',
      truth: 'The kernel keeps it, in order, until the program reads again or closes the socket.',
      source: 'read(2), recv(2)',
      judge: ({ sent, read, left }) => ({
        verdict: read + left === sent && left > 0 ? 'holds' : 'wrong',
        observed: `${sent} bytes arrived, ${read} were read, ${left} stayed`,
      }),
      counterexample: seen => ({ ...seen, left: 0 }),
    },
  ],

  async run(lab, observe) {
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.end(Buffer.alloc(SENT))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo

    const reader = connect({ port, host: '127.0.0.1' })
    reader.on('error', () => {})
    reader.resume()
    await once(reader, 'end')
    observe(`a program that reads: ${reader.bytesRead} bytes, then end`)

    const sleeper = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const events: string[] = []
    for (const event of ['end', 'close', 'error']) sleeper.on(event, () => events.push(event))
    sleeper.pause()
    const row = await lab.waitUntil('the FIN is in the queue of the one who does not read', () =>
      lab
        .tcpTable(port)
        .find(r => r.localPort === sleeper.localPort && r.state === 'CLOSE-WAIT' && r.rxQueue > 0),
    )
    observe(`a program that does not read: ${row.state}, ${row.rxQueue} in its queue`)
    const seenBySleeper = [...events]
    sleeper.destroy()

    let read = 0
    const slow = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: Buffer.alloc(READ),
        callback: bytes => {
          read += bytes
          return false // enough for now
        },
      },
    })
    slow.on('error', () => {})
    const own = await lab.waitUntil('the rest waits', () =>
      lab
        .tcpTable(port)
        .find(r => r.localPort === slow.localPort && read > 0 && r.state === 'CLOSE-WAIT'),
    )
    // A FIN that has arrived counts as one.
    const left = own.rxQueue - 1
    observe(`a program that reads ${READ} bytes at a time: ${read} read, ${left} left`)
    slow.destroy()
    server.close()
    const zeros = lab.canCompile ? (await lab.runC(PROGRAM)).split(' ').map(Number) : undefined
    if (zeros) observe(`reads without a FIN return ${zeros.join(', ')}`)
    const [ownShutdown = -1, count = -1, datagram = -1] = zeros ?? []
    return {
      ...(zeros && { without: { ownShutdown, count, datagram } }),
      reader: { event: 'end', bytes: reader.bytesRead },
      sleeper: { events: seenBySleeper, state: row.state, waiting: row.rxQueue },
      sent: SENT,
      read,
      left,
    }
  },
})
