/** Two calls that Node never makes: listen without bind, and a stream over UDP. In C. */
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Seen {
  /** Where a socket listens that was never bound: address and port. */
  unbound: { address: string; port: number }
  /** The error of socket(AF_INET, SOCK_STREAM, IPPROTO_UDP). */
  mismatch: string
  /** The port of a socket before bind, connect or listen. */
  before: number
}

const PROGRAM = `
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(void) {
  struct sockaddr_in own;
  socklen_t size = sizeof own;
  int unbound = socket(AF_INET, SOCK_STREAM, 0);
  getsockname(unbound, (struct sockaddr *)&own, &size);
  printf("%d\\n", ntohs(own.sin_port));
  listen(unbound, 1);
  getsockname(unbound, (struct sockaddr *)&own, &size);
  printf("%s %d\\n", inet_ntoa(own.sin_addr), ntohs(own.sin_port));
  int mismatch = socket(AF_INET, SOCK_STREAM, IPPROTO_UDP);
  printf("%s\\n", mismatch >= 0 ? "none" : strerror(errno));
}
`

export default experiment<Seen>({
  title: 'a C program that listens without bind, and asks for a stream over UDP',
  // A server on all addresses is for a private network only.
  needs: ['namespace', 'cc'],
  claims: [
    {
      id: '1.7',
      star: false,
      says: 'A socket that listens without having been bound gets a port of the kernel’s choice.',
      verdict: 'holds',
      truth: 'And it listens on all addresses. In Node, listen(0) asks for the same.',
      source: 'listen(2); ip(7), ip_local_port_range',
      judge: ({ before, unbound }) => ({
        verdict: before === 0 && unbound.port > 0 ? 'holds' : 'wrong',
        observed: `port ${before} before listen, ${unbound.address}:${unbound.port} after`,
      }),
      altered: seen => ({ ...seen, unbound: { ...seen.unbound, port: 0 } }),
    },
    {
      id: '1.9',
      star: false,
      says: 'The type of a socket and its protocol cannot be combined freely: no stream over UDP.',
      verdict: 'holds',
      truth: 'The type already implies the protocol, which is why most programs leave it at 0.',
      source: 'socket(2)',
      judge: ({ mismatch }) => ({
        verdict: mismatch === 'none' ? 'wrong' : 'holds',
        observed: `socket(AF_INET, SOCK_STREAM, IPPROTO_UDP): ${mismatch}`,
      }),
      altered: seen => ({ ...seen, mismatch: 'none' }),
    },
  ],

  async run(lab, observe) {
    observe('a C program is compiled and run')
    const [before = '', unbound = '', mismatch = ''] = (await lab.c(PROGRAM)).split('\n')
    const [address = '', port = ''] = unbound.split(' ')
    observe(
      `unbound: port ${before}; after listen: ${address}:${port}; stream over UDP: ${mismatch}`,
    )
    return { before: Number(before), unbound: { address, port: Number(port) }, mismatch }
  },
})
