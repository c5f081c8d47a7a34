// Command nothing is built for other machines than this.
package main

func main() {}
