/**
 * Symptom: EPERM from send(), EINVAL from connect(): the own machine refuses, and no packet leaves it.
 *
 *   node --import tsx chapters/01-socket/symptoms/refused-by-own-kernel.ts
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { continueInPrivateNetwork } from '#lib/kernel/private-network.ts'

/** A port where no server listens: nothing gets that far. */
const PORT = 7999
/** How long to wait for a TCP connection that never comes. */
const PATIENCE_MS = 300

continueInPrivateNetwork(import.meta.url, 'nft')

const chain = 'chain output { type filter hook output priority 0'
execFileSync('nft', [`table inet mine { ${chain}; th dport ${PORT} drop; }; }`])
console.log(`a firewall rule drops what goes out to port ${PORT}:`)
console.log(`  UDP send: ${await send('127.0.0.1')}`)
console.log(`  TCP connect: ${await tryConnect('127.0.0.1')}`)

// Addresses that belong to no machine (RFC 5737), behind routes that lead nowhere.
for (const [index, kind] of ['blackhole', 'prohibit', 'unreachable'].entries()) {
  const address = `198.51.100.${index + 1}`
  execFileSync('ip', ['route', 'add', kind, address])
  console.log(`a route of the type ${kind}:`)
  console.log(`  UDP send: ${await send(address)}`)
  console.log(`  TCP connect: ${await tryConnect(address)}`)
}

function send(address: string): Promise<string> {
  const socket = createSocket('udp4')
  return new Promise<string>(resolve => {
    socket.send('hello', PORT, address, error => resolve(error?.message ?? 'no error'))
  }).finally(() => socket.close())
}

function tryConnect(address: string): Promise<string> {
  const socket = connect(PORT, address).setTimeout(PATIENCE_MS)
  return new Promise<string>(resolve => {
    socket.once('error', error => resolve(error.message))
    socket.once('timeout', () => resolve(`no error, and no answer within ${PATIENCE_MS} ms`))
  }).finally(() => socket.destroy())
}
