/** Two calls that Node never makes: listen without bind, and a stream over UDP. In C. */
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Where a socket listens that was never bound: address and port. */
  unbound: { address: string; port: number }
  /** The error of socket(AF_INET, SOCK_STREAM, IPPROTO_UDP). */
  mismatch: string
  /** The same for a stream over MPTCP, and for datagrams over UDP-Lite. */
  others: { mptcp: string; udpLite: string }
  /** The port of a socket before bind, connect or listen. */
  before: number
}

const PROGRAM = `
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void try_protocol(int type, int protocol) {
  printf("%s\\n", socket(AF_INET, type, protocol) >= 0 ? "ok" : strerror(errno));
}

int main(void) {
  struct sockaddr_in own;
  socklen_t size = sizeof own;
  int unbound = socket(AF_INET, SOCK_STREAM, 0);
  getsockname(unbound, (struct sockaddr *)&own, &size);
  printf("%d\\n", ntohs(own.sin_port));
  listen(unbound, 1);
  getsockname(unbound, (struct sockaddr *)&own, &size);
  printf("%s %d\\n", inet_ntoa(own.sin_addr), ntohs(own.sin_port));
  try_protocol(SOCK_STREAM, IPPROTO_UDP);
  try_protocol(SOCK_STREAM, 262); // MPTCP
  try_protocol(SOCK_DGRAM, 136); // UDP-Lite
}
`

export default experiment<Observation>({
  title: 'a C program that listens without bind, and asks for a stream over UDP',
  // A server on all addresses is for a private network only.
  needs: ['namespace', 'cc'],
  claims: [
    {
      id: '1.7',
      essential: false,
      statement:
        'A socket that listens without having been bound gets a port of the kernel’s choice.',
      verdict: 'holds',
      truth: 'It listens on all addresses. In Node, listen(0) asks for the same.',
      source: 'listen(2); ip(7), ip_local_port_range',
      judge: ({ before, unbound }) => ({
        verdict: before === 0 && unbound.port > 0 ? 'holds' : 'wrong',
        observed: `port ${before} before listen, ${unbound.address}:${unbound.port} after`,
      }),
      counterexample: seen => ({ ...seen, unbound: { ...seen.unbound, port: 0 } }),
    },
    {
      id: '1.9',
      essential: false,
      statement:
        'The type of a socket and its protocol cannot be combined freely: no stream over UDP.',
      verdict: 'holds',
      truth:
        'Each protocol belongs to one type. The type alone is enough to find a default, TCP or UDP, which is why most programs leave the protocol at 0; but a kernel may have more than one for a type, such as MPTCP for streams.',
      source: 'socket(2), ip(7), udplite(7)',
      judge: ({ mismatch, others }) => ({
        verdict: mismatch === 'ok' ? 'wrong' : 'holds',
        observed: `a stream over UDP: ${mismatch}; a stream over MPTCP: ${others.mptcp}; datagrams over UDP-Lite: ${others.udpLite}`,
      }),
      counterexample: seen => ({ ...seen, mismatch: 'ok' }),
    },
  ],

  async run(lab, observe) {
    observe('a C program is compiled and run')
    const lines = (await lab.runC(PROGRAM)).split('\n')
    const [before = '', unbound = '', mismatch = '', mptcp = '', udpLite = ''] = lines
    const [address = '', port = ''] = unbound.split(' ')
    observe(
      `unbound: port ${before}; after listen: ${address}:${port}; stream over UDP: ${mismatch}`,
    )
    observe(`a stream over MPTCP: ${mptcp}; datagrams over UDP-Lite: ${udpLite}`)
    return {
      before: Number(before),
      unbound: { address, port: Number(port) },
      mismatch,
      others: { mptcp, udpLite },
    }
  },
})
