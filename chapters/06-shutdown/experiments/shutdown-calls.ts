/** shutdown and close as system calls, in C: Node has no call for half of it. */
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** After shutdown(SHUT_WR): what the descriptor is, and what read returned of a late answer. */
  descriptor: string
  lateRead: number
  /** A parent's write after its child has called shutdown, and after it has called close. */
  afterShutdown: string
  afterClose: string
  /** After shutdown(SHUT_RD): read, then 4 bytes from the peer, then read again. */
  firstRead: number
  peerWrote: number
  secondRead: number
}

const PROGRAM = String.raw`
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int a, b; /* both ends of a connection */

static void pair(void) {
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  a = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (void *)&at, size) || listen(listener, 1)) exit(1);
  if (getsockname(listener, (void *)&at, &size) || connect(a, (void *)&at, size)) exit(1);
  b = accept(listener, NULL, NULL);
  close(listener);
}

static const char *write_after(int is_shutdown) {
  pair();
  pid_t child = fork();
  if (child == 0) _exit(is_shutdown ? shutdown(a, SHUT_WR) : close(a));
  waitpid(child, NULL, 0);
  return write(a, "x", 1) == 1 ? "ok" : errno == EPIPE ? "EPIPE" : strerror(errno);
}

int main(void) {
  char link[64] = "", path[64], bytes[16];
  signal(SIGPIPE, SIG_IGN);

  pair();
  shutdown(a, SHUT_WR);
  snprintf(path, sizeof path, "/proc/self/fd/%d", a);
  if (readlink(path, link, sizeof link - 1) < 0) return 1;
  int sent = write(b, "late", 4);
  int late = read(a, bytes, sizeof bytes);

  const char *shut = write_after(1), *closed = write_after(0);

  pair();
  shutdown(a, SHUT_RD);
  int first = read(a, bytes, sizeof bytes);
  sent = write(b, "late", 4);
  for (int there = 0, looks = 0; there < 4 && looks < 1000; looks++) {
    ioctl(a, FIONREAD, &there);
    usleep(1000);
  }
  int second = read(a, bytes, sizeof bytes);

  printf("{\"descriptor\":\"%.7s\",\"lateRead\":%d,\"afterShutdown\":\"%s\",\"afterClose\":\"%s\","
         "\"firstRead\":%d,\"peerWrote\":%d,\"secondRead\":%d}\n",
         link, late, shut, closed, first, sent, second);
  return 0;
}`

export default experiment<Observation>({
  title: 'shutdown and close, as system calls in C',
  needs: ['linux', 'cc'],
  claims: [
    {
      id: '6.11',
      essential: true,
      statement: 'shutdown closes the descriptor.',
      verdict: 'wrong',
      appliesTo: 'Linux, and POSIX, whose shutdown() leaves the descriptor open',
      truth:
        'It acts on the connection. The descriptor stays, can still be read from, and needs a close of its own.',
      source: 'shutdown(2)',
      example: '06/half-close',
      judge: ({ descriptor, lateRead }) => {
        const observed = `after shutdown: the descriptor is ${descriptor ? 'still a socket' : 'closed'}, read returns ${lateRead}`
        return { verdict: descriptor === 'socket:' && lateRead > 0 ? 'wrong' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, descriptor: '', lateRead: -1 }),
    },
    {
      id: '6.12',
      essential: false,
      statement: 'A shutdown by one process concerns all that share the socket; a close does not.',
      verdict: 'holds',
      truth: 'The others cannot write any more after it. After a close of one, they can.',
      source: 'shutdown(2), close(2)',
      example: '06/shared-socket',
      judge: ({ afterShutdown, afterClose }) => ({
        verdict: afterShutdown === 'EPIPE' && afterClose === 'ok' ? 'holds' : 'wrong',
        observed: `the parent's write after the child's shutdown: ${afterShutdown}; after its close: ${afterClose}`,
      }),
      counterexample: seen => ({ ...seen, afterShutdown: 'ok' }),
    },
    {
      id: '6.13',
      essential: false,
      statement: 'shutdown can close the reading side, the writing side, or both.',
      verdict: 'depends',
      truth:
        'Closing the writing side sends a FIN. Closing the reading side sends nothing: read returns 0, but Linux still takes what the peer sends, and even hands it out.',
      source: 'shutdown(2), RFC 9293 section 3.6',
      judge: ({ firstRead, peerWrote, secondRead }) => {
        const observed = `after SHUT_RD: read ${firstRead}; the peer then wrote ${peerWrote} bytes, read ${secondRead}`
        if (firstRead !== 0) return { verdict: 'wrong', observed }
        return { verdict: secondRead > 0 ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, secondRead: 0 }),
    },
  ],

  async run(lab, observe) {
    const seen: Observation = JSON.parse(await lab.runC(PROGRAM))
    observe(`shutdown(SHUT_WR): the descriptor is "${seen.descriptor}", read ${seen.lateRead}`)
    observe(`write after the child's shutdown ${seen.afterShutdown}, close ${seen.afterClose}`)
    observe(`shutdown(SHUT_RD): read ${seen.firstRead}, later ${seen.secondRead}`)
    return seen
  },
})
