/**
 * Three sockets: one client and one server make three rows in the kernel's table.
 *
 *   npm run 01:three-sockets:server     in one terminal
 *   npm run 01:three-sockets:client     in another
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { readTcpTable, type TcpRow } from '#lib/kernel/tcp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 01:three-sockets:server'
const options = readOptions({
  command,
  does: 'Shows the file descriptors and kernel rows of its own sockets (Linux).',
  flags: { host, port: port(7014) },
})

// #region server
const server = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  // The listening row, and the two ends of this one connection.
  const ports = [socket.localPort, socket.remotePort].sort().join()
  const rows = readTcpTable()
    .filter(row => isListener(row) || [row.localPort, row.remotePort].sort().join() === ports)
    .sort((a, b) => b.state.localeCompare(a.state) || ownerOf(a).localeCompare(ownerOf(b)))
  for (const row of rows) {
    console.log(`row ${row.state} ${endpoint(row.localAddress, row.localPort)} ${ownerOf(row)}`)
  }
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
  socket.end('seen\n')
  socket.resume() // what nobody reads would keep the socket open
})

const isListener = ({ state, localPort }: TcpRow) =>
  state === 'LISTEN' && localPort === (server.address() as AddressInfo).port

// A socket is a file: /proc/self/fd/N is a link to socket:[inode], and the inode names the row.
function ownerOf({ inode }: TcpRow): string {
  const fd = readdirSync('/proc/self/fd').find(name => linkOf(name) === `socket:[${inode}]`)
  return fd === undefined ? 'is not mine' : `is my file descriptor ${fd}, socket:[${inode}]`
}
// #endregion server

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // closed since the folder was read, as the descriptor of the folder itself
  }
}

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
