/** Which protocol is behind the type SOCK_DGRAM, and what this system calls number 17. */
import { readFileSync } from 'node:fs'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** The default protocol of each type of socket: its number, as the kernel says. */
  datagram: number
  stream: number
  /** The names of protocol 17 in /etc/protocols, with the comment; empty where there is none. */
  named: string
}

const PROGRAM = `
#include <stdio.h>
#include <sys/socket.h>

static int protocol(int type) {
  int number = -1;
  socklen_t size = sizeof number;
  getsockopt(socket(AF_INET, type, 0), SOL_SOCKET, SO_PROTOCOL, &number, &size);
  return number;
}

int main(void) { printf("%d %d\\n", protocol(SOCK_DGRAM), protocol(SOCK_STREAM)); }
`

/** The number of UDP in the header of IP: RFC 768. */
const UDP = 17

export default experiment<Observation>({
  title: 'a C program asks for the default protocol of a datagram socket',
  needs: ['linux', 'cc'],
  claims: [
    {
      id: '3.15',
      essential: false,
      statement: 'UDP stands for User Data Protocol.',
      verdict: 'wrong',
      appliesTo: 'RFC 768',
      truth:
        'It is the User Datagram Protocol: it carries datagrams, messages that stay apart, and in the sockets API it is what SOCK_DGRAM gets. A stream of data is what TCP carries.',
      source: 'RFC 768; socket(2), SOCK_DGRAM; protocols(5)',
      judge: ({ datagram, stream, named }) => {
        const observed = `SOCK_DGRAM gets protocol ${datagram}, SOCK_STREAM ${stream}; /etc/protocols: ${named || 'not here'}`
        if (datagram !== UDP) return { verdict: 'unclear', observed }
        const isData = stream === UDP || /user data protocol/i.test(named)
        return { verdict: isData ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, named: 'udp 17 UDP # user data protocol' }),
    },
  ],

  async run(lab, observe) {
    const [datagram = -1, stream = -1] = (await lab.runC(PROGRAM)).split(' ').map(Number)
    observe(`SOCK_DGRAM gets protocol ${datagram}, SOCK_STREAM ${stream}`)
    return { datagram, stream, named: readName() }
  },
})

function readName(): string {
  try {
    const lines = readFileSync('/etc/protocols', 'latin1').split('\n')
    return (lines.find(line => /^\w+\s+17\s/.test(line)) ?? '').replaceAll(/\s+/g, ' ')
  } catch {
    return ''
  }
}
