/** What recv(2) does with a datagram that is longer than the buffer it is given. In C. */
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  sent: number[]
  /** What each recv returned, and whether it said MSG_TRUNC. */
  reads: { bytes: number; truncated: boolean }[]
}

const PROGRAM = `
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

int main(void) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof own;
  int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
  bind(in, (struct sockaddr *)&own, size);
  getsockname(in, (struct sockaddr *)&own, &size);
  char data[1000] = {0}, buffer[100];
  sendto(out, data, 1000, 0, (struct sockaddr *)&own, size);
  sendto(out, data, 50, 0, (struct sockaddr *)&own, size);
  for (int i = 0; i < 2; i++) {
    struct iovec part = {buffer, sizeof buffer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    long bytes = recvmsg(in, &message, 0);
    printf("%ld %d\\n", bytes, message.msg_flags & MSG_TRUNC ? 1 : 0);
  }
}
`

export default experiment<Observation>({
  title: 'a C program reads datagrams of 1000 and 50 bytes with a buffer of 100',
  needs: ['linux', 'cc'],
  claims: [
    {
      id: '3.10',
      essential: false,
      statement: 'If the receiver’s buffer is too small, the rest of the datagram is lost.',
      verdict: 'holds',
      truth:
        'The read after it gets the next datagram. The flag MSG_TRUNC shows that bytes were lost. Node always reads with 64 KiB, so it cannot happen there.',
      source: 'recv(2), MSG_TRUNC',
      judge: ({ sent, reads }) => {
        const text = reads.map(
          ({ bytes, truncated }) => `${bytes}${truncated ? ' (truncated)' : ''}`,
        )
        const lost = reads[0]?.truncated === true && reads[1]?.bytes === sent[1]
        return {
          verdict: lost ? 'holds' : 'wrong',
          observed: `sent ${sent.join(' and ')}; read ${text.join(' and ')}`,
        }
      },
      counterexample: seen => ({
        ...seen,
        reads: [seen.reads[0]!, { bytes: 100, truncated: true }],
      }),
    },
  ],

  async run(lab, observe) {
    const reads = (await lab.runC(PROGRAM))
      .trim()
      .split('\n')
      .map(line => line.split(' ').map(Number))
      .map(([bytes = 0, flag]) => ({ bytes, truncated: flag === 1 }))
    for (const { bytes, truncated } of reads) {
      observe(`recvmsg with room for 100: ${bytes} bytes${truncated ? ', MSG_TRUNC' : ''}`)
    }
    return { sent: [1000, 50], reads }
  },
})
