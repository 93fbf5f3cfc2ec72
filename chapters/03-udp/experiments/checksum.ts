/** What a kernel does with datagrams whose checksum is right, wrong, not computed, or right by chance. In C. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { counterChanges } from '#lib/kernel/counters.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Texts of the datagrams that arrived. */
  arrived: string[]
  checksumErrors: number
}

// Builds the UDP header by hand: the kernel leaves it as it is. The checksum covers a pseudo header
// of both addresses, the protocol and the length (RFC 768).
const PROGRAM = `
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint16_t checksum(const uint8_t *udp, int length) {
  uint32_t sum = 0x7f00 + 0x0001 + 0x7f00 + 0x0001 + 17 + length;
  for (int i = 0; i < length; i += 2) sum += udp[i] << 8 | (i + 1 < length ? udp[i + 1] : 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

int main(int argc, char **argv) {
  int port = atoi(argv[1]);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  const char *texts[] = {"good", "bad!", "none", "swap"};
  for (int i = 0; i < 4; i++) {
    uint8_t udp[12] = {40000 >> 8, 40000 & 255, port >> 8, port & 255, 0, 12};
    memcpy(udp + 8, texts[i], 4);
    uint16_t sum = checksum(udp, 12);
    if (i == 1) sum ^= 1;
    if (i == 2) sum = 0;
    if (i == 3) memcpy(udp + 8, "apsw", 4); // its two words of 16 bits in the other order
    udp[6] = sum >> 8, udp[7] = sum & 255;
    if (sendto(raw, udp, 12, 0, (struct sockaddr *)&to, sizeof to) != 12) return 1;
  }
  return argc - 2;
}
`

export default experiment<Observation>({
  title: 'a C program sends datagrams with a right, a wrong and no checksum, and damaged data',
  needs: ['namespace', 'cc'],
  claims: [
    {
      id: '3.4',
      essential: true,
      statement: 'UDP does not check its data: if something is wrong, it is just wrong.',
      verdict: 'wrong',
      appliesTo: 'RFC 768 and RFC 1122 section 4.1.3.4',
      truth:
        'Each datagram has a checksum, and one that does not fit is thrown away. The program sees a loss, not wrong data. A checksum of 0 says that none was computed, which IPv6 forbids. But it is a plain sum of 16 bits: words that change places are not noticed, and the wrong data arrives.',
      source: 'RFC 768; RFC 1122 section 4.1.3.4; RFC 8200 section 8.1',
      judge: ({ arrived, checksumErrors }) => {
        const observed = `arrived: ${arrived.join(', ')} ("apsw" was sent as "swap"); checksum errors counted: ${checksumErrors}`
        if (arrived.includes('bad!')) return { verdict: 'holds', observed }
        const checked = arrived.includes('good') && checksumErrors === 1
        return { verdict: checked ? 'wrong' : 'unclear', observed }
      },
      counterexample: seen => ({ arrived: [...seen.arrived, 'bad!'], checksumErrors: 0 }),
    },
  ],

  async run(lab, observe) {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const arrived: string[] = []
    const marked = new Promise<void>(resolve => {
      socket.on('message', message => {
        if (message.toString() === 'end') resolve()
        else arrived.push(message.toString())
      })
    })
    const before = lab.counters()
    const { port } = socket.address()
    observe(
      'a C program sends "good", "bad!" with a wrong checksum, "none" with checksum 0, and "apsw" with the checksum of "swap"',
    )
    await lab.runC(PROGRAM, [String(port)])
    const marker = createSocket('udp4')
    marker.send('end', port, '127.0.0.1')
    await marked
    const checksumErrors = counterChanges(before, lab.counters())['Udp.InCsumErrors'] ?? 0
    observe(`arrived: ${arrived.join(', ')}; Udp.InCsumErrors +${checksumErrors}`)
    marker.close()
    socket.close()
    return { arrived, checksumErrors }
  },
})
