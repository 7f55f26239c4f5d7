// Command generate writes gqlgen's code, and beside it the tables of breadth-first execution, from the gqlgen.yml of
// the folder that it is started in, or that it is given.
package main

import (
	"log"
	"os"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
)

func main() {
	if len(os.Args) > 1 {
		if err := os.Chdir(os.Args[1]); err != nil {
			log.Fatal(err)
		}
	}
	cfg, err := config.LoadConfigFromDefaultLocations()
	if err != nil {
		log.Fatal(err)
	}
	if err := api.Generate(cfg, api.AddPlugin(tables{})); err != nil {
		log.Fatal(err)
	}
}
