package main

func Example() {
	main()
	// Output:
	// c1 is Ann, says "cookie"
	// j1 is Bob of orders, says "jwt"
	// c1 is Ann Lee, says "cookie"
	// x1 is a stranger, says ""
}
