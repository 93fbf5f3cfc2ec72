/** A number with its noun: `1 byte`, `2 bytes`. */
export const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
