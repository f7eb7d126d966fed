// Which waves are still on their way through the array? A wave that is issued in a cycle is at PE (r, c) r + c cycles
// later, so one shift register knows of all of them. `reach` = r + c of the last PE that is waited for.
module waves #(
    parameter LENGTH = 0,  // ROWS + COLS - 2: the farthest PE
    parameter SIZE = 16
) (
    input clk,
    input en,
    input rst,
    input issued,
    input [SIZE-1:0] reach,
    output in_flight
);
    generate
        if (LENGTH == 0) begin : one_pe
            assign in_flight = 1'b0;
        end else begin : line
            reg [LENGTH-1:0] seen;  // bit i: a wave was issued i + 1 cycles ago
            wire [LENGTH:0] shifted = {seen, issued};
            always @(posedge clk)
                if (rst) seen <= {LENGTH{1'b0}};
                else if (en) seen <= shifted[LENGTH-1:0];
            reg [LENGTH-1:0] awaited;
            integer i;
            always @*
                for (i = 0; i < LENGTH; i = i + 1) awaited[i] = i < reach;
            assign in_flight = |(seen & awaited);
        end
    endgenerate
endmodule
