/**
 * A C program that sends one TCP segment over loopback, past the kernel's TCP: what an old duplicate or a
 * stranger would send. Node has no raw sockets. Its arguments: source port, destination port, sequence
 * number, acknowledgement number, and the byte of the flags (RFC 9293 section 3.1).
 *
 * Run it with `lab.runC`, in a private network.
 */
export const RAW_SEGMENT = `
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static uint16_t checksum(const uint8_t *tcp, int length) {
  uint32_t sum = 0x7f00 + 0x0001 + 0x7f00 + 0x0001 + 6 + length;
  for (int i = 0; i < length; i += 2) sum += tcp[i] << 8 | tcp[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

static void put(uint8_t *at, uint32_t number, int bytes) {
  while (bytes--) *at++ = number >> 8 * bytes;
}

int main(int count, char **words) {
  if (count != 6) return 1;
  uint32_t numbers[5];
  for (int i = 0; i < 5; i++) numbers[i] = strtoul(words[i + 1], NULL, 10);
  uint8_t tcp[20] = { 0 };
  put(tcp, numbers[0], 2);
  put(tcp + 2, numbers[1], 2);
  put(tcp + 4, numbers[2], 4);
  put(tcp + 8, numbers[3], 4);
  tcp[12] = 5 << 4; // a header of five words
  tcp[13] = numbers[4];
  put(tcp + 14, 1024, 2); // the window
  put(tcp + 16, checksum(tcp, sizeof tcp), 2);
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  int raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
  return sendto(raw, tcp, sizeof tcp, 0, (struct sockaddr *)&to, sizeof to) != sizeof tcp;
}
`

/** Flags of a segment, for `RAW_SEGMENT`. */
export const FLAG = { RST: 0x04, ACK: 0x10 } as const
