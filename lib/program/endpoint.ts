/**
 * Writes an address and a port as one word: `127.0.0.1:7020`, `[::1]:7020`.
 *
 * A peer that vanished before the program looked has no address any more: `unknown`.
 */
export function endpoint(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unknown'
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
